"""One step of an optimizer: a parameter, its gradient and a state to the next ones.

All of any shape; moments begin as zeros. lr is the learning rate. Where a paper leaves
room, this is torch's variant, and the docstring says which.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


def sgd_momentum(
    parameter: Tensor, grad: Tensor, velocity: Tensor, lr: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """Gradient descent along a decaying sum of gradients.

    v' = momentum v + g
    w' = w - lr v'

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods",
    1964. Sutskever et al. 2013, equations 1 and 2, hold lr v instead of v, which is the
    same while lr is.

    Returns:
        w' and v'.
    """
    velocity = momentum * velocity + grad
    return parameter - lr * velocity, velocity


def rmsprop(
    parameter: Tensor,
    grad: Tensor,
    square: Tensor,
    lr: float,
    decay: float = 0.99,
    eps: float = 1e-8,
) -> tuple[Tensor, Tensor]:
    """Each value's gradient over the root of its mean square.

    s' = decay s + (1 - decay) g^2
    w' = w - lr g / (sqrt(s') + eps)

    Source: Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5,
    2012, with torch's eps outside the root.

    Args:
        parameter: w.
        grad: g.
        square: s, the running mean of squares.
        lr: Learning rate.
        decay: Share of the old mean that is kept, 0 to 1.
        eps: In units of the gradient.

    Returns:
        w' and s'.
    """
    square = decay * square + (1 - decay) * grad**2
    return parameter - lr * grad / (torch.sqrt(square) + eps), square


@dataclass(frozen=True, slots=True)
class AdamState:
    """What Adam remembers of one parameter.

    Attributes:
        mean: m, the running mean of gradients.
        square: s, the running mean of their squares.
        num_steps: t, the steps taken.
    """

    mean: Tensor
    square: Tensor
    num_steps: int = 0


def adam(
    parameter: Tensor,
    grad: Tensor,
    state: AdamState,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> tuple[Tensor, AdamState]:
    """The running mean of gradients over the root of the running mean of squares.

    t' = t + 1
    m' = beta1 m + (1 - beta1) g
    s' = beta2 s + (1 - beta2) g^2
    w' = w - lr (m' / (1 - beta1^t')) / (sqrt(s' / (1 - beta2^t')) + eps)

    The two divisions correct for the zeros that the means began with: after a first
    step both are exactly g and g^2.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015,
    algorithm 1.

    Args:
        parameter: w.
        grad: g.
        state: m, s and t.
        lr: Learning rate.
        betas: Shares of the old means that are kept, 0 to 1.
        eps: In units of the gradient.

    Returns:
        w', and the state m', s', t'.
    """
    beta_mean, beta_square = betas
    num_steps = state.num_steps + 1
    mean = beta_mean * state.mean + (1 - beta_mean) * grad
    square = beta_square * state.square + (1 - beta_square) * grad**2
    unbiased_mean = mean / (1 - beta_mean**num_steps)
    unbiased_square = square / (1 - beta_square**num_steps)
    step = lr * unbiased_mean / (torch.sqrt(unbiased_square) + eps)
    return parameter - step, AdamState(mean, square, num_steps)
