"""Dropout, inverted: what is kept grows in training, so that testing changes nothing.

Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from
overfitting", 2014, section 10, which scales by 1/(1 - rate) in training.
"""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def draw_mask(shape: Sequence[int], rate: float, generator: Generator) -> Tensor:
    """Which values are kept: 1 with probability 1 - rate, otherwise 0, in float64.

    Args:
        shape: Of the values.
        rate: Probability of a value to be dropped, 0 to 1, 1 excluded.
        generator: Of the randomness; the same state gives the same mask.

    Raises:
        ValueError: If the rate is out of range.
    """
    _check(rate)
    uniform = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return (uniform >= rate).double()


def dropout_train(x: Tensor, mask: Tensor, rate: float) -> Tensor:
    """What is kept, scaled so that the mean over masks is x.

    out = x mask / (1 - rate)

    Args:
        x: Any shape.
        mask: Of the shape of x, from `draw_mask` at the same rate.
        rate: As in `draw_mask`.

    Raises:
        ValueError: If the rate is out of range.
    """
    _check(rate)
    return x * mask / (1 - rate)


def dropout_train_backward(grad_out: Tensor, mask: Tensor, rate: float) -> Tensor:
    """What was dropped had no influence.

    dL/dx = g mask / (1 - rate)

    Args:
        grad_out: Of the shape of x.
        mask: That of the forward pass.
        rate: That of the forward pass.

    Raises:
        ValueError: If the rate is out of range.
    """
    _check(rate)
    return grad_out * mask / (1 - rate)


def dropout_test(x: Tensor) -> Tensor:
    """The values as they are: out = x."""
    return x.clone()


def dropout_test_backward(grad_out: Tensor) -> Tensor:
    """The gradient as it is: dL/dx = g."""
    return grad_out.clone()


def _check(rate: float) -> None:
    if not 0 <= rate < 1:
        raise ValueError(f"dropout rate {rate}: from 0 to 1, 1 excluded")
