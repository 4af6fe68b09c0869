"""Derivatives from differences, for anything that computes a tensor."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor


def numeric_gradient(
    function: Callable[[Tensor], Tensor],
    at: Tensor,
    grad_out: Tensor,
    step: float = 1e-5,
) -> Tensor:
    """The gradient of L = sum grad_out * function(x) at x = `at`, from differences.

    dL/dx[i] = sum grad_out (function(x + h e_i) - function(x - h e_i)) / 2h + O(h^2)

    with a step h and the unit vector e_i: central differences. The error is rounding,
    about 1e-16/h, plus h^2/6 times the third derivative. Where a function is linear
    between x - h and x + h it has none, and a large step is best. If there is a kink in
    between, the result is a mean of two slopes.

    Source: Nocedal and Wright, "Numerical Optimization", 2006, section 8.1.

    Args:
        function: From the shape of `at` to that of `grad_out`; without randomness.
        at: float64, any shape.
        grad_out: dL/dout.
        step: h, in units of x.

    Returns:
        dL/dx, of the shape of `at`.

    Raises:
        ValueError: If `at` is not float64, whose rounding the default step is made for.
    """
    if at.dtype != torch.float64:
        raise ValueError(f"differences of {at.dtype} are mostly rounding: use float64")
    grad = torch.zeros_like(at)
    for index in itertools.product(*map(range, at.shape)):
        offset = torch.zeros_like(at)
        offset[index] = step
        difference = function(at + offset) - function(at - offset)
        grad[index] = (grad_out * difference).sum() / (2 * step)
    return grad


def numeric_gradients(
    function: Callable[..., Tensor],
    arguments: Sequence[Tensor],
    grad_out: Tensor,
    step: float = 1e-5,
) -> list[Tensor]:
    """`numeric_gradient` of each argument in turn, the others held.

    Args:
        function: Of all arguments.
        arguments: float64.
        grad_out: dL/dout.
        step: In units of each argument.
    """

    def varied(place: int, value: Tensor) -> Tensor:
        return function(*arguments[:place], value, *arguments[place + 1 :])

    return [
        numeric_gradient(partial(varied, place), argument, grad_out, step)
        for place, argument in enumerate(arguments)
    ]


def relative_error(ours: Tensor, right: Tensor) -> float:
    """The largest difference over the largest value of either tensor; NaN if one is.

    Raises:
        ValueError: If the shapes differ: broadcasting would hide it.
    """
    if ours.shape != right.shape:
        raise ValueError(f"shapes {tuple(ours.shape)} and {tuple(right.shape)} differ")
    error = (ours - right).abs().max().item()
    scale = torch.maximum(ours.abs(), right.abs()).max().item()
    return error / scale if error else 0.0
