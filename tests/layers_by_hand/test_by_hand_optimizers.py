"""Optimizers by hand, against torch's and depthbench's over several steps."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from by_hand.numeric import relative_error
from by_hand.optimizers import AdamState, adam, rmsprop, sgd_momentum
from oracle_cases import drawn, hold
from torch import Tensor, nn

NUM_STEPS = 12
BOUND = 1e-13


def gradients() -> list[Tensor]:
    """From ordinary to far too large and to none at all."""
    scales = [1.0, 1e-6, 100.0, 0.0] * (NUM_STEPS // 4)
    return [
        scale * gradient
        for scale, gradient in zip(
            scales, drawn(*[(3, 4)] * NUM_STEPS, seed=1), strict=True
        )
    ]


def path(step: Callable[..., tuple[Tensor, Any]], state: Any) -> list[Tensor]:
    """The parameter after each step."""
    (parameter,) = drawn((3, 4))
    visited = []
    for gradient in gradients():
        parameter, state = step(parameter, gradient, state)
        visited.append(parameter)
    return visited


def path_of(
    update: Callable[[nn.Parameter], Callable[[], object]],
) -> list[Tensor]:
    """The same, of what changes a parameter by the gradient it holds."""
    parameter = nn.Parameter(drawn((3, 4))[0])
    step = update(parameter)
    visited = []
    for gradient in gradients():
        parameter.grad = gradient.clone()
        step()
        visited.append(parameter.detach().clone())
    return visited


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_with_momentum_is_torch_s(momentum: float) -> None:
    ours = path(
        lambda *given: sgd_momentum(*given, lr=0.05, momentum=momentum),
        torch.zeros(3, 4).double(),
    )
    hold(
        ours,
        path_of(lambda given: torch.optim.SGD([given], 0.05, momentum=momentum).step),
        BOUND,
    )


@pytest.mark.parametrize("settings", [{}, {"decay": 0.7, "eps": 1e-2}])
def test_rmsprop_is_torch_s(settings: dict[str, float]) -> None:
    ours = path(
        lambda *given: rmsprop(*given, lr=0.01, **settings), torch.zeros(3, 4).double()
    )
    alpha, eps = settings.get("decay", 0.99), settings.get("eps", 1e-8)
    hold(
        ours,
        path_of(
            lambda given: torch.optim.RMSprop([given], 0.01, alpha=alpha, eps=eps).step
        ),
        BOUND,
    )


@pytest.mark.parametrize("settings", [{}, {"betas": (0.5, 0.8), "eps": 1e-2}])
def test_adam_is_torch_s(settings: dict[str, Any]) -> None:
    zeros = torch.zeros(3, 4).double()
    ours = path(
        lambda *given: adam(*given, lr=0.01, **settings), AdamState(zeros, zeros)
    )
    hold(
        ours,
        path_of(lambda given: torch.optim.Adam([given], 0.01, **settings).step),
        BOUND,
    )


def test_adam_s_first_step_is_the_learning_rate_in_the_gradient_s_direction() -> None:
    parameter, gradient = drawn((5,), (5,))
    zeros = torch.zeros(5).double()
    after, state = adam(parameter, gradient, AdamState(zeros, zeros), lr=0.1, eps=0)
    assert relative_error(parameter - after, 0.1 * gradient.sign()) < 1e-14
    assert state.num_steps == 1


def test_no_step_changes_its_arguments() -> None:
    parameter, gradient, state = drawn((5,), (5,), (5,))
    state = state**2
    before = [tensor.clone() for tensor in (parameter, gradient, state)]
    sgd_momentum(parameter, gradient, state, 0.1, 0.9)
    rmsprop(parameter, gradient, state, 0.1)
    adam(parameter, gradient, AdamState(state, state), 0.1)
    for tensor, copy in zip((parameter, gradient, state), before, strict=True):
        assert torch.equal(tensor, copy)
