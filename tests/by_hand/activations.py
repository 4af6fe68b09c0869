"""Functions of one value: dL/dx = g f'(x), any shape.

NaN stays NaN. Its gradient is g, as in torch: the sides are told apart by x <= 0.
"""

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    """The larger of x and 0.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann
    machines", 2010.
    """
    return torch.where(x <= 0, 0, x)


def relu_backward(grad_out: Tensor, x: Tensor) -> Tensor:
    """The gradient g where x > 0, otherwise 0.

    At 0, where there is no derivative, this takes the one from the left, as torch does.
    """
    return torch.where(x <= 0, 0, grad_out)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent.

    Source: LeCun et al., "Efficient BackProp", 1998, section 4.4, unscaled.
    """
    return torch.tanh(x)


def tanh_backward(grad_out: Tensor, x: Tensor) -> Tensor:
    """The gradient g (1 - tanh(x)^2)."""
    return grad_out * (1 - torch.tanh(x) ** 2)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), by whichever exponential is at most 1.

    Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.59.
    """
    small = torch.exp(-x.abs())
    return torch.where(x < 0, small, 1) / (1 + small)


def sigmoid_backward(grad_out: Tensor, x: Tensor) -> Tensor:
    """The gradient g s (1 - s) with s = sigmoid(x), so at most g / 4."""
    out = sigmoid(x)
    return grad_out * out * (1 - out)


def elu(x: Tensor) -> Tensor:
    """The value x where x > 0, exp(x) - 1 elsewhere.

    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network
    learning by exponential linear units", 2016, section 3, with alpha = 1.
    """
    return torch.where(x <= 0, torch.expm1(x), x)


def elu_backward(grad_out: Tensor, x: Tensor) -> Tensor:
    """The gradient g where x > 0, g exp(x) elsewhere: the same at 0 from both sides."""
    return torch.where(x <= 0, grad_out * torch.exp(x), grad_out)
