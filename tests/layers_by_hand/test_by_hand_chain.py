"""Chains of layers written by hand, and that nothing else computes in them."""

import ast
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import by_hand
import pytest
import torch
from by_hand import sandwich
from by_hand.batch_norm import Running, batch_norm_backward_by_steps
from by_hand.chain import (
    ACTIVATIONS,
    Layer,
    average_pool_layer,
    batch_norm_layer,
    chain,
    convolution_layer,
    linear_layer,
    max_pool_layer,
    spatial_batch_norm_layer,
)
from by_hand.dropout import dropout_train, dropout_train_backward
from by_hand.numeric import numeric_gradients, relative_error
from by_hand.optimizers import AdamState, adam, rmsprop, sgd_momentum
from by_hand.softmax_loss import softmax_loss, softmax_loss_backward
from op_recorder import Recording
from oracle_cases import by_autograd, drawn
from torch import Tensor
from torch.nn import functional

STEP = 1e-5
FILES = sorted(Path(by_hand.__file__).parent.glob("*.py"))


@dataclass(frozen=True)
class Sandwich:
    """One by hand, made in two steps from its parameters, and the same in torch."""

    before: Callable[..., tuple[Layer, ...]]  # what comes before the ReLU
    make: Callable[..., Layer]
    torch: Callable[..., Tensor]
    shape: tuple[int, ...]  # of x; the parameters' are after it
    parameters: tuple[tuple[int, ...], ...]


def conv(weight: Tensor, bias: Tensor) -> Layer:
    return convolution_layer(weight, bias, stride=2, padding=1)


def torch_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.conv2d(x, weight, bias, 2, 1)


def torch_norm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    return functional.batch_norm(x, None, None, gamma, beta, training=True)


CONV = ((3, 2, 3, 3), (3,))
NORM = ((3,), (3,))
LINEAR = ((3, 8), (3,))

SANDWICHES = {
    "conv_relu": Sandwich(
        lambda w, b: (conv(w, b),),
        sandwich.conv_relu,
        lambda *given: functional.relu(torch_conv(*given)),
        (2, 2, 5, 5),
        CONV,
    ),
    "conv_bn_relu": Sandwich(
        lambda w, b, *norm: (conv(w, b), spatial_batch_norm_layer(*norm)),
        sandwich.conv_bn_relu,
        lambda x, w, b, *norm: functional.relu(torch_norm(torch_conv(x, w, b), *norm)),
        (2, 2, 5, 5),
        CONV + NORM,
    ),
    "conv_bn_relu_pool": Sandwich(
        lambda w, b, *norm: (conv(w, b), spatial_batch_norm_layer(*norm)),
        lambda conv, norm: sandwich.conv_bn_relu_pool(conv, norm, max_pool_layer(2, 1)),
        lambda x, w, b, *norm: functional.max_pool2d(
            functional.relu(torch_norm(torch_conv(x, w, b), *norm)), 2, 1
        ),
        (2, 2, 5, 5),
        CONV + NORM,
    ),
    "conv_relu_pool": Sandwich(
        lambda w, b: (conv(w, b),),
        lambda conv: sandwich.conv_relu_pool(conv, max_pool_layer(2, 1)),
        lambda *given: functional.max_pool2d(functional.relu(torch_conv(*given)), 2, 1),
        (2, 2, 5, 5),
        CONV,
    ),
    "linear_relu": Sandwich(
        lambda w, b: (linear_layer(w, b),),
        sandwich.linear_relu,
        lambda x, w, b: functional.relu(functional.linear(x.flatten(1), w, b)),
        (4, 2, 2, 2),
        LINEAR,
    ),
    "linear_bn_relu": Sandwich(
        lambda w, b, *norm: (linear_layer(w, b), batch_norm_layer(*norm)),
        sandwich.linear_bn_relu,
        lambda x, w, b, *norm: functional.relu(
            torch_norm(functional.linear(x.flatten(1), w, b), *norm)
        ),
        (4, 2, 2, 2),
        LINEAR + NORM,
    ),
}


def clear_of_kinks(case: Sandwich) -> list[Tensor]:
    """Arguments whose ReLU has no input near 0, and no two that nearly tie."""

    def is_clear(arguments: list[Tensor]) -> bool:
        x, *parameters = arguments
        before = chain(*case.before(*parameters)).forward(x)
        assert before.min() < 0 < before.max()
        between = before.flatten().sort().values.diff()
        return min(before.abs().min(), between.min()) > 50 * STEP

    draws = (
        drawn(case.shape, *case.parameters, seed=seed) for seed in itertools.count()
    )
    return next(arguments for arguments in draws if is_clear(arguments))


@pytest.mark.parametrize("name", SANDWICHES)
def test_sandwiches_meet_numeric_gradients_and_torch(name: str) -> None:
    case = SANDWICHES[name]

    def made(*parameters: Tensor) -> Layer:
        return case.make(*case.before(*parameters))

    x, *parameters = arguments = clear_of_kinks(case)
    layer = made(*parameters)
    out = layer.forward(x)
    (grad_out,) = drawn(out.shape, seed=1000)
    found = layer.backward(grad_out, x)

    right, gradients = by_autograd(case.torch, arguments, grad_out)
    assert relative_error(out, right) < 1e-12
    numeric = numeric_gradients(
        lambda x, *given: made(*given).forward(x), arguments, grad_out, STEP
    )
    scale = max(gradient.abs().max().item() for gradient in gradients)
    for ours, theirs, measured in zip(found, gradients, numeric, strict=True):
        # A bias in front of a norm has the gradient 0, but for rounding.
        assert (ours - theirs).abs().max() < 1e-12 * scale
        assert (ours - measured).abs().max() < 1e-7 * scale


def net(*parameters: Tensor) -> Layer:
    """A stage of two blocks, one of them with a skip, and a linear head."""
    weight, bias, gamma, beta, again, bias_again, matrix, vector = parameters
    return chain(
        sandwich.conv_block(
            convolution_layer(weight, bias, padding=1),
            spatial_batch_norm_layer(gamma, beta),
            "elu",
            adds_input=False,
        ),
        sandwich.conv_block(
            convolution_layer(again, bias_again, padding=1), None, "tanh", True
        ),
        average_pool_layer(2, 2),
        linear_layer(matrix, vector),
    )


SHAPES = ((3, 2, 3, 3), (3,), (3,), (3,), (3, 3, 3, 3), (3,), (4, 6), (4,))


@pytest.mark.slow
def test_a_network_s_gradients_are_those_of_its_loss() -> None:
    x, *parameters = drawn((2, 2, 2, 4), *SHAPES)
    labels = torch.tensor([3, 1])

    def loss(x: Tensor, *given: Tensor) -> Tensor:
        return softmax_loss(net(*given).forward(x), labels)

    scores = net(*parameters).forward(x)
    found = net(*parameters).backward(softmax_loss_backward(scores, labels), x)
    one = torch.tensor(1.0).double()
    numeric = numeric_gradients(loss, [x, *parameters], one, STEP)
    for ours, measured in zip(found, numeric, strict=True):
        assert (ours - measured).abs().max() < 1e-9

    def in_torch(x: Tensor, *given: Tensor) -> Tensor:
        first, bias, gamma, beta, second, bias_again, matrix, vector = given
        x = functional.elu(
            torch_norm(functional.conv2d(x, first, bias, padding=1), gamma, beta)
        )
        x = x + torch.tanh(functional.conv2d(x, second, bias_again, padding=1))
        scores = functional.linear(
            functional.avg_pool2d(x, 2).flatten(1), matrix, vector
        )
        return functional.cross_entropy(scores, labels)

    right, gradients = by_autograd(in_torch, [x, *parameters], one)
    assert math.isclose(loss(x, *parameters), right, rel_tol=1e-13)
    for ours, theirs in zip(found, gradients, strict=True):
        assert (ours - theirs).abs().max() < 1e-13


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_tensors_are_all_that_is_taken_from_torch(file: Path) -> None:
    standard = ("collections.abc.", "dataclasses.", "functools.", "itertools")
    tensors = ("torch", "torch.Tensor", "torch.Generator")
    names = list(imported(ast.parse(file.read_text())))
    strange = [
        name
        for name in names
        if name not in tensors and not name.startswith(("by_hand", *standard))
    ]
    assert not strange


def test_no_operation_is_a_layer_of_torch_s() -> None:
    """What a library computes as a layer, it names so: forward or backward."""
    x, *parameters = drawn((2, 2, 4, 4), *SHAPES)
    parameters[6] = torch.cat([parameters[6]] * 2, 1)
    running = Running(torch.zeros(3).double(), torch.ones(3).double())
    vectors, gamma = drawn((4, 3), (3,))
    labels = torch.tensor([3, 1])
    with Recording(may_read=True) as recording:
        layer = net(*parameters)
        grad = softmax_loss_backward(layer.forward(x), labels)
        softmax_loss(layer.forward(x), labels)
        layer.backward(grad, x)
        for other in (
            *ACTIVATIONS.values(),
            max_pool_layer(2, 2),
            spatial_batch_norm_layer(parameters[2], parameters[3], running),
        ):
            y = convolution_layer(*parameters[:2]).forward(x)
            other.backward(other.forward(y), y)
        batch_norm_backward_by_steps(vectors, vectors, gamma)
        dropout_train(vectors, vectors, 0.5)
        dropout_train_backward(vectors, vectors, 0.5)
        sgd_momentum(gamma, gamma, gamma, 0.1, 0.9)
        rmsprop(gamma, gamma, gamma, 0.1)
        adam(gamma, gamma, AdamState(gamma, gamma**2), 0.1)
    operations = {str(call[0]) for call in recording.calls}
    assert "aten.bmm.default" in operations
    words = "conv pool norm elu softmax entropy nll dropout threshold adam sgd backward"
    assert not [name for name in operations for word in words.split() if word in name]
