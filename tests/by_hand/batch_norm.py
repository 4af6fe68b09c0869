"""Batch normalisation of vectors: each feature by its mean and variance in the batch.

In train mode the statistics are the batch's own, and gradients go through them; in test
mode they are constants, gathered in training.

Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by
reducing internal covariate shift", 2015.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

EPS = 1e-5


def batch_norm_train(
    x: Tensor, gamma: Tensor, beta: Tensor, eps: float = EPS
) -> Tensor:
    """Each feature to mean beta and deviation gamma over the batch.

    mean[d] = 1/N sum_n x[n,d]
    var[d] = 1/N sum_n (x[n,d] - mean[d])^2
    normal[n,d] = (x[n,d] - mean[d]) / sqrt(var[d] + eps)
    out[n,d] = gamma[d] normal[n,d] + beta[d]

    Source: Ioffe and Szegedy, algorithm 1.

    Args:
        x: [N, D], N at least 2.
        gamma: Scale, [D].
        beta: Shift, [D].
        eps: Added to the variance, in its units.

    Returns:
        [N, D].

    Raises:
        ValueError: If there is one vector, which has no variance.
    """
    normal, _ = _normalised(x, eps)
    return gamma * normal + beta


def batch_norm_backward_by_steps(
    grad_out: Tensor, x: Tensor, gamma: Tensor, eps: float = EPS
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients in train mode, node by node back through the computation.

    Every line of the forward pass has its line in the backward pass, in reverse order.
    A value that was used twice adds up both of its gradients; a mean over the batch
    hands 1/N of its gradient to every vector.

    Source: Ioffe and Szegedy, section 3, before algorithm 2.

    Args:
        grad_out: [N, D].
        x: [N, D].
        gamma: [D].
        eps: As in `batch_norm_train`.

    Returns:
        dL/dx [N, D], dL/dgamma [D], dL/dbeta [D].

    Raises:
        ValueError: If there is one vector.
    """
    _check(x)
    mean = x.mean(0)
    centred = x - mean
    squared = centred**2
    var = squared.mean(0)
    deviation = torch.sqrt(var + eps)
    inverse = 1 / deviation
    normal = centred * inverse
    # out = gamma * normal + beta
    grad_beta = grad_out.sum(0)
    grad_gamma = (grad_out * normal).sum(0)
    grad_normal = grad_out * gamma
    # normal = centred * inverse
    grad_inverse = (grad_normal * centred).sum(0)
    grad_centred = grad_normal * inverse
    # inverse = 1 / deviation
    grad_deviation = -grad_inverse / deviation**2
    # deviation = sqrt(var + eps)
    grad_var = grad_deviation / (2 * deviation)
    # var = mean of squared
    grad_squared = grad_var.expand_as(x) / len(x)
    # squared = centred^2, the second use of centred
    grad_centred = grad_centred + 2 * centred * grad_squared
    # centred = x - mean
    grad_x = grad_centred
    grad_mean = -grad_centred.sum(0)
    # mean of x, the second use of x
    grad_x = grad_x + grad_mean.expand_as(x) / len(x)
    return grad_x, grad_gamma, grad_beta


def batch_norm_backward(
    grad_out: Tensor, x: Tensor, gamma: Tensor, eps: float = EPS
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients in train mode, simplified on paper.

    dL/dbeta[d] = sum_n g[n,d]
    dL/dgamma[d] = sum_n g[n,d] normal[n,d]
    dL/dx[n,d] = gamma[d] / sqrt(var[d] + eps)
                 (g[n,d] - dL/dbeta[d] / N - normal[n,d] dL/dgamma[d] / N)

    What is left of g is what the norm does not undo: its mean is taken out, and its
    component along normal is, up to eps.

    Source: the equations of `batch_norm_backward_by_steps`, put into one another: with
    c = x - mean, sum_n c[n,d] = 0 removes the variance's share in dL/dmean.

    Args:
        grad_out: [N, D].
        x: [N, D].
        gamma: [D].
        eps: As in `batch_norm_train`.

    Returns:
        dL/dx [N, D], dL/dgamma [D], dL/dbeta [D].

    Raises:
        ValueError: If there is one vector.
    """
    normal, deviation = _normalised(x, eps)
    grad_beta = grad_out.sum(0)
    grad_gamma = (grad_out * normal).sum(0)
    left = grad_out - grad_beta / len(x) - normal * grad_gamma / len(x)
    return gamma / deviation * left, grad_gamma, grad_beta


@dataclass(frozen=True, slots=True)
class Running:
    """Statistics gathered in training, for test mode.

    Attributes:
        mean: Of each feature, [D].
        var: Of each feature, [D]: of whichever form it was updated by.
    """

    mean: Tensor
    var: Tensor


def updated_unbiased(running: Running, x: Tensor, momentum: float = 0.1) -> Running:
    """The running statistics after one more batch, of its unbiased variance.

    mean' = (1 - momentum) mean + momentum mean of x
    var' = (1 - momentum) var + momentum 1/(N - 1) sum_n (x[n] - mean of x)^2

    Source: Ioffe and Szegedy, section 3.1, for the average and the unbiased variance;
    momentum is the newest batch's share. This is torch's form.

    Args:
        running: Before this batch; not changed.
        x: [N, D], N at least 2.
        momentum: 0 to 1.

    Raises:
        ValueError: If there is one vector, which has no variance.
    """
    return _averaged(running, x, momentum, len(x) - 1)


def updated_biased(running: Running, x: Tensor, momentum: float = 0.1) -> Running:
    """The running statistics after one more batch, of its uncorrected variance.

    As `updated_unbiased`, but var' has 1/N in the place of 1/(N - 1): the variance that
    train mode itself divides by. Smaller by 1/N of it, so that for few vectors test
    mode stretches what train mode does not.

    Raises:
        ValueError: If there is one vector, as there.
    """
    return _averaged(running, x, momentum, len(x))


def _averaged(running: Running, x: Tensor, momentum: float, divisor: int) -> Running:
    _check(x)
    mean = x.mean(0)
    var = ((x - mean) ** 2).sum(0) / divisor
    kept = 1 - momentum
    return Running(
        kept * running.mean + momentum * mean, kept * running.var + momentum * var
    )


def batch_norm_test(
    x: Tensor, gamma: Tensor, beta: Tensor, running: Running, eps: float = EPS
) -> Tensor:
    """Each vector by itself, with the running statistics.

    out[n,d] = gamma[d] (x[n,d] - mean[d]) / sqrt(var[d] + eps) + beta[d]

    Source: Ioffe and Szegedy, algorithm 2, step 11.

    Args:
        x: [N, D].
        gamma: [D].
        beta: [D].
        running: Mean and variance.
        eps: As in `batch_norm_train`.

    Returns:
        [N, D].
    """
    return gamma * (x - running.mean) / torch.sqrt(running.var + eps) + beta


def batch_norm_test_backward(
    grad_out: Tensor, x: Tensor, gamma: Tensor, running: Running, eps: float = EPS
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients in test mode, in which the norm is a scale and a shift.

    dL/dx[n,d] = g[n,d] gamma[d] / sqrt(var[d] + eps)
    dL/dgamma[d] = sum_n g[n,d] (x[n,d] - mean[d]) / sqrt(var[d] + eps)
    dL/dbeta[d] = sum_n g[n,d]

    Returns:
        dL/dx [N, D], dL/dgamma [D], dL/dbeta [D].
    """
    deviation = torch.sqrt(running.var + eps)
    normal = (x - running.mean) / deviation
    return grad_out * gamma / deviation, (grad_out * normal).sum(0), grad_out.sum(0)


def _normalised(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Mean 0 and deviation 1, and the deviation before."""
    _check(x)
    centred = x - x.mean(0)
    deviation = torch.sqrt((centred**2).mean(0) + eps)
    return centred / deviation, deviation


def _check(x: Tensor) -> None:
    if len(x) < 2:
        raise ValueError(f"{len(x)} value a feature: a variance needs at least 2")
