"""Batch norm written by hand: two backwards, numeric gradients, torch."""

from collections.abc import Callable

import pytest
import torch
from by_hand.batch_norm import (
    Running,
    batch_norm_backward,
    batch_norm_backward_by_steps,
    batch_norm_test,
    batch_norm_test_backward,
    batch_norm_train,
    updated_biased,
    updated_unbiased,
)
from by_hand.numeric import numeric_gradients, relative_error
from by_hand.spatial_batch_norm import (
    images_of,
    pixels_of,
    spatial_batch_norm_backward,
    spatial_batch_norm_backward_by_steps,
    spatial_batch_norm_test,
    spatial_batch_norm_test_backward,
    spatial_batch_norm_train,
    spatial_updated_biased,
    spatial_updated_unbiased,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_cases import LINEAR_STEP, by_autograd, drawn, hold
from torch import Tensor
from torch.nn import functional

few = settings(deadline=None, max_examples=12)
vectors = st.tuples(st.integers(3, 6), st.integers(1, 4))
images = st.tuples(*[st.integers(1, 3)] * 4).filter(
    lambda shape: shape[0] * shape[2] * shape[3] > 2
)
EPS = 1e-3  # not the default, so that it must be passed on

Gradients = tuple[Tensor, Tensor, Tensor]


@few
@given(shape=st.one_of(vectors, images))
def test_train_mode_meets_numeric_gradients_and_torch(shape: tuple[int, ...]) -> None:
    is_spatial = len(shape) == 4
    forward = spatial_batch_norm_train if is_spatial else batch_norm_train
    backwards: list[Callable[..., Gradients]] = (
        [spatial_batch_norm_backward, spatial_batch_norm_backward_by_steps]
        if is_spatial
        else [batch_norm_backward, batch_norm_backward_by_steps]
    )
    x, gamma, beta = arguments = drawn(shape, shape[1:2], shape[1:2])
    (grad_out,) = drawn(shape, seed=1)
    right, gradients = by_autograd(
        lambda x, gamma, beta: functional.batch_norm(
            x, None, None, gamma, beta, training=True, eps=EPS
        ),
        arguments,
        grad_out,
    )
    assert relative_error(forward(x, gamma, beta, EPS), right) < 1e-12
    numeric = numeric_gradients(
        lambda *given: forward(*given, EPS), arguments, grad_out
    )
    for backward in backwards:
        found = backward(grad_out, x, gamma, EPS)
        hold(found, gradients, 1e-11)
        hold(found, numeric, 1e-9)


@few
@given(shape=st.one_of(vectors, images), seed=st.integers(0, 100))
def test_the_simplified_backward_equals_the_steps(
    shape: tuple[int, ...], seed: int
) -> None:
    x, grad_out, gamma = drawn(shape, shape, shape[1:2], seed=seed)
    x = 5 * x + 1e5  # far from 0: no variance is left of E[x^2] - E[x]^2
    pair = (
        (spatial_batch_norm_backward, spatial_batch_norm_backward_by_steps)
        if len(shape) == 4
        else (batch_norm_backward, batch_norm_backward_by_steps)
    )
    simplified, stepwise = (backward(grad_out, x, gamma) for backward in pair)
    hold(simplified, stepwise, 1e-8)


@few
@given(shape=st.one_of(vectors, images))
def test_test_mode_meets_numeric_gradients_and_torch(shape: tuple[int, ...]) -> None:
    is_spatial = len(shape) == 4
    forward = spatial_batch_norm_test if is_spatial else batch_norm_test
    backward = (
        spatial_batch_norm_test_backward if is_spatial else batch_norm_test_backward
    )
    of_features = shape[1:2]
    x, gamma, beta, mean, root = drawn(shape, *[of_features] * 4)
    (grad_out,) = drawn(shape, seed=1)
    arguments = [x, gamma, beta]
    running = Running(mean, 0.5 + root**2)
    right, gradients = by_autograd(
        lambda x, gamma, beta: functional.batch_norm(
            x, running.mean, running.var, gamma, beta, training=False, eps=EPS
        ),
        arguments,
        grad_out,
    )
    assert relative_error(forward(*arguments, running, EPS), right) < 1e-12
    numeric = numeric_gradients(
        lambda *given: forward(*given, running, EPS), arguments, grad_out, LINEAR_STEP
    )
    found = backward(grad_out, x, gamma, running, EPS)
    hold(found, gradients, 1e-12)
    hold(found, numeric, 1e-9)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 3, 2)])
def test_running_statistics_are_torch_s_over_several_batches(
    shape: tuple[int, ...],
) -> None:
    module = torch.nn.BatchNorm1d(3) if len(shape) == 2 else torch.nn.BatchNorm2d(3)
    module = module.double()
    running = Running(torch.zeros(3).double(), torch.ones(3).double())
    for seed in range(4):
        (x,) = drawn(shape, seed=seed)
        module(2 * x + seed)
        update = updated_unbiased if len(shape) == 2 else spatial_updated_unbiased
        running = update(running, 2 * x + seed)
    assert relative_error(running.mean, module.running_mean) < 1e-14
    assert relative_error(running.var, module.running_var) < 1e-14
    (x,) = drawn(shape, seed=9)
    test = batch_norm_test if len(shape) == 2 else spatial_batch_norm_test
    out = test(x, torch.ones(3).double(), torch.zeros(3).double(), running)
    assert relative_error(out, module.eval()(x).detach()) < 1e-14


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 3, 2)])
def test_the_two_running_variances_differ_by_the_correction(
    shape: tuple[int, ...],
) -> None:
    """The biased one, taken in full, undoes train mode exactly."""
    is_flat = len(shape) == 2
    (x,) = drawn(shape)
    num = x[:, 0].numel()
    none = Running(torch.zeros(3).double(), torch.zeros(3).double())
    biased = (updated_biased if is_flat else spatial_updated_biased)(none, x, 1.0)
    unbiased = (updated_unbiased if is_flat else spatial_updated_unbiased)(none, x, 1.0)
    assert torch.equal(biased.mean, unbiased.mean)
    assert relative_error(biased.var, unbiased.var * (num - 1) / num) < 1e-14
    ones, zeros = torch.ones(3).double(), torch.zeros(3).double()
    test = batch_norm_test if is_flat else spatial_batch_norm_test
    train = batch_norm_train if is_flat else spatial_batch_norm_train
    usual = train(x, ones, zeros)
    assert relative_error(test(x, ones, zeros, biased), usual) < 1e-14
    assert relative_error(test(x, ones, zeros, unbiased), usual) > 0.01


def test_a_batch_leaves_with_the_mean_and_deviation_asked_for() -> None:
    x, gamma, beta = drawn((50, 4), (4,), (4,))
    out = batch_norm_train(100 + 7 * x, gamma, beta, eps=0)
    assert relative_error(out.mean(0), beta) < 1e-12
    assert relative_error(out.std(0, correction=0), gamma.abs()) < 1e-12


def test_a_pixel_s_channels_are_a_vector() -> None:
    (x,) = drawn((2, 3, 4, 5))
    pixels = pixels_of(x)
    assert pixels.shape == (40, 3)
    assert torch.equal(pixels[1 * 20 + 2 * 5 + 3], x[1, :, 2, 3])
    assert torch.equal(images_of(pixels, like=x), x)


def test_one_vector_has_no_variance() -> None:
    x, gamma = drawn((1, 3), (3,))
    running = Running(gamma, gamma**2)
    for refuse in (
        lambda: batch_norm_train(x, gamma, gamma),
        lambda: batch_norm_backward(x, x, gamma),
        lambda: batch_norm_backward_by_steps(x, x, gamma),
        lambda: updated_unbiased(running, x),
        lambda: updated_biased(running, x),
    ):
        with pytest.raises(ValueError, match="at least 2"):
            refuse()
    assert batch_norm_test(x, gamma, gamma, running).shape == (1, 3)
