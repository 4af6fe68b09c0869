"""The layers written by hand, against numeric gradients and against torch."""

import math
from collections.abc import Callable

import pytest
import torch
from by_hand.activations import (
    elu,
    elu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from by_hand.dropout import (
    draw_mask,
    dropout_test,
    dropout_test_backward,
    dropout_train,
    dropout_train_backward,
)
from by_hand.linear import linear, linear_backward
from by_hand.numeric import numeric_gradient, numeric_gradients, relative_error
from by_hand.softmax_loss import softmax, softmax_loss, softmax_loss_backward
from by_hand.svm_loss import svm_loss, svm_loss_backward
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_cases import LINEAR_STEP, by_autograd, drawn, hold, spaced
from torch import Tensor
from torch.nn import functional

few = settings(deadline=None, max_examples=12)


@pytest.mark.parametrize(
    ("ours", "backward", "theirs"),
    [
        (relu, relu_backward, functional.relu),
        (tanh, tanh_backward, torch.tanh),
        (sigmoid, sigmoid_backward, torch.sigmoid),
        (elu, elu_backward, functional.elu),
    ],
)
def test_activations_meet_numeric_gradients_and_torch(
    ours: Callable[[Tensor], Tensor],
    backward: Callable[[Tensor, Tensor], Tensor],
    theirs: Callable[[Tensor], Tensor],
) -> None:
    x = spaced(4, 15)  # up to 3 in size, a twentieth from the kink at 0
    (grad_out,) = drawn(x.shape)
    right, (gradient,) = by_autograd(theirs, [x], grad_out)
    assert relative_error(ours(x), right) < 1e-14
    assert relative_error(backward(grad_out, x), gradient) < 1e-14
    numeric = numeric_gradient(ours, x, grad_out)
    assert relative_error(backward(grad_out, x), numeric) < 1e-9

    odd = torch.tensor([0.0, torch.nan, torch.inf, -torch.inf, 800.0]).double()
    right, (gradient,) = by_autograd(theirs, [odd], torch.ones(5).double())
    torch.testing.assert_close(ours(odd), right, equal_nan=True)
    found = backward(torch.ones(5).double(), odd)
    torch.testing.assert_close(found, gradient, equal_nan=True)


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (2, 3, 2, 2)])
def test_linear_meets_numeric_gradients_and_torch(shape: tuple[int, ...]) -> None:
    num_values = math.prod(shape[1:])
    x, weight, bias, grad_out = drawn(shape, (3, num_values), (3,), (shape[0], 3))
    found = linear_backward(grad_out, x, weight)
    right, gradients = by_autograd(
        lambda x, weight, bias: functional.linear(x.flatten(1), weight, bias),
        [x, weight, bias],
        grad_out,
    )
    assert relative_error(linear(x, weight, bias), right) < 1e-14
    hold(found, gradients, 1e-14)
    numeric = numeric_gradients(linear, [x, weight, bias], grad_out, LINEAR_STEP)
    hold(found, numeric, 1e-10)


@few
@given(num_images=st.integers(1, 5), num_classes=st.integers(1, 6))
def test_softmax_loss_meets_numeric_gradients_and_torch(
    num_images: int, num_classes: int
) -> None:
    (scores,) = drawn((num_images, num_classes))
    labels = torch.arange(num_images) * 2 % num_classes
    found = softmax_loss_backward(scores, labels)
    right, (gradient,) = by_autograd(
        lambda given: functional.cross_entropy(given, labels),
        [scores],
        torch.tensor(1.0).double(),
    )
    assert softmax_loss(scores, labels).item() == pytest.approx(right.item(), 1e-14)
    # Of a single class all probabilities are 1, and gradients 0 but for rounding.
    assert (found - gradient).abs().max() < 1e-15
    numeric = numeric_gradient(
        lambda given: softmax_loss(given, labels), scores, torch.tensor(1.0).double()
    )
    assert (found - numeric).abs().max() < 1e-9


def test_softmax_loss_keeps_what_is_known_of_it() -> None:
    labels = torch.tensor([1, 0])
    equal = torch.full((2, 10), 7.0).double()
    assert softmax_loss(equal, labels).item() == pytest.approx(math.log(10), 1e-14)
    extreme = torch.tensor([[1000.0, 0], [-1000, 0]]).double()
    assert softmax_loss(extreme, labels).item() == 1000
    assert torch.equal(softmax(extreme), torch.tensor([[1.0, 0], [0, 1]]).double())
    assert softmax_loss_backward(extreme, labels).abs().max() == 0.5


@few
@given(num_images=st.integers(1, 5), num_classes=st.integers(1, 6))
def test_svm_loss_meets_numeric_gradients_and_torch(
    num_images: int, num_classes: int
) -> None:
    (scores,) = drawn((num_images, num_classes))
    labels = torch.arange(num_images) * 2 % num_classes
    one = torch.tensor(1.0).double()
    # torch divides by the number of classes, too.
    right, (gradient,) = by_autograd(
        lambda given: functional.multi_margin_loss(given, labels) * num_classes,
        [scores],
        one,
    )
    found = svm_loss_backward(scores, labels)
    assert svm_loss(scores, labels).item() == pytest.approx(right.item(), 1e-14)
    assert (found - gradient).abs().max() < 1e-15
    numeric = numeric_gradient(lambda given: svm_loss(given, labels), scores, one)
    assert (found - numeric).abs().max() < 1e-9


def test_svm_loss_keeps_what_is_known_of_it() -> None:
    labels = torch.tensor([1, 0])
    equal = torch.full((2, 10), 7.0).double()
    assert svm_loss(equal, labels).item() == 9
    apart = torch.tensor([[0.0, 1], [1, 0]]).double()
    assert svm_loss(apart, labels).item() == 0
    assert not svm_loss_backward(apart, labels).any()
    assert svm_loss(torch.tensor([[torch.nan, 0]]), torch.tensor([1])).isnan()


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_dropout_meets_numeric_gradients_and_torch(rate: float) -> None:
    x, grad_out = drawn((20, 30), (20, 30))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = functional.dropout(torch.ones_like(x), rate)
    mask = (theirs != 0).double()
    assert torch.equal(dropout_train(torch.ones_like(x), mask, rate), theirs)
    right, (gradient,) = by_autograd(lambda given: given * theirs, [x], grad_out)
    assert relative_error(dropout_train(x, mask, rate), right) < 1e-15
    found = dropout_train_backward(grad_out, mask, rate)
    assert relative_error(found, gradient) < 1e-15
    corner = (slice(4), slice(4))
    numeric = numeric_gradient(
        lambda given: dropout_train(given, mask[corner], rate),
        x[corner],
        grad_out[corner],
        LINEAR_STEP,
    )
    assert relative_error(found[corner], numeric) < 1e-10


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_a_mask_keeps_its_share_and_follows_its_generator(rate: float) -> None:
    shape, count = (100, 200), 20_000
    first, again, other = (
        draw_mask(shape, rate, torch.Generator().manual_seed(seed))
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert set(first.unique().tolist()) <= {0.0, 1.0}
    assert rate == 0 or not torch.equal(first, other)
    # Five standard deviations of a binomial share.
    bound = 5 * math.sqrt(rate * (1 - rate) / count)
    assert abs(first.mean().item() - (1 - rate)) <= bound


def test_dropout_changes_nothing_in_test_mode() -> None:
    (x,) = drawn((3, 4))
    assert torch.equal(dropout_test(x), x)
    assert torch.equal(dropout_test_backward(x), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0, math.nan])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    ones = torch.ones(2)
    for refuse in (
        lambda: draw_mask((2,), rate, torch.Generator()),
        lambda: dropout_train(ones, ones, rate),
        lambda: dropout_train_backward(ones, ones, rate),
    ):
        with pytest.raises(ValueError, match="dropout rate"):
            refuse()
