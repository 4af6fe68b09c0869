"""BatchNorm between a convolution and its activation, in the covariance maps.

Source: Yang et al., "A mean field theory of batch normalization", 2019, in the limit of
large batches; here with an image's pixels as part of the batch.
"""

import functools

import numpy as np
from numpy.polynomial import legendre

from depthbench.forecasting.activations import Floats
from depthbench.forecasting.maps import WINDOW, Padding, Signal, shifted


def batch_normalized(
    read: Signal, sums: Signal, gain: float, epsilon: float, padding: Padding
) -> tuple[Signal, float]:
    """Pre-activations less their mean over images and pixels, over their deviation.

    Args:
        read: What the convolution reads.
        sums: What it makes of that.
        gain: Input channels times the variance of a weight.
        epsilon: Added to the variance.
        padding: Around the image.

    Returns:
        The normalised ones, and the variance they were divided by.
    """
    window = np.stack([shifted(read.means, offset, padding) for offset in WINDOW])
    averages = window.mean(axis=(-3, -2, -1), keepdims=True)
    cross = gain * (window * averages).sum(0).mean(0)
    square = gain * float((averages**2).sum(0).mean())
    inside = np.ones_like(cross)
    pairs = np.stack(
        [
            pair
            - cross
            - shifted(cross, o, padding)
            + square * shifted(inside, o, padding)
            for pair, o in zip(sums.pairs, sums.offsets, strict=True)
        ]
    )
    variance = float(pairs[0].mean()) + epsilon
    return Signal(pairs / variance, sums.offsets, sums.means), variance


def patch_covariance(signal: Signal, padding: Padding) -> Floats:
    """Covariance of the nine pixels of a window, over images and windows; [9, 9].

    Of one channel, the mean over all. Needs pairs within 2 of each other.
    """
    known = dict(zip(signal.offsets, signal.pairs, strict=True))
    averages = [
        shifted(signal.means, offset, padding).mean((1, 2, 3)) for offset in WINDOW
    ]
    covariance = np.empty((9, 9))
    for row, first in enumerate(WINDOW):
        for column, second in enumerate(WINDOW):
            apart = (second[0] - first[0], second[1] - first[1])
            if apart < (0, 0):
                continue
            product = shifted(known[apart], first, padding).mean()
            product -= (averages[row] * averages[column]).mean()
            covariance[row, column] = covariance[column, row] = product
    return covariance


def norm_excess(covariance: Floats, channels: int) -> float:
    """How much more gradient a narrow convolution with BatchNorm passes on than a wide.

    E[|w|^2 / w^T S w] tr(S) / n for Gaussian w of n entries, where S is `covariance`
    once for each of the channels: 1 for equal eigenvalues or many channels, more where
    some outputs read a direction in which the signal varies little.

    With 1/a = int_0^inf exp(-a t) dt the average over w is one integral.
    """
    eigenvalues = np.maximum(np.linalg.eigvalsh(covariance), 0)
    eigenvalues = eigenvalues / eigenvalues.mean()
    nodes, weights = _nodes()
    share = (nodes + 1) / 2  # t = share / (1 - share), in units of 1/n
    t = share / (1 - share) / (len(eigenvalues) * channels)
    scale = 1 + 2 * t[:, None] * eigenvalues
    density = np.exp(-channels / 2 * np.log(scale).sum(1)) * (channels / scale).sum(1)
    jacobian = weights / 2 / (1 - share) ** 2 / (len(eigenvalues) * channels)
    return float(jacobian @ density)


@functools.cache
def _nodes() -> tuple[Floats, Floats]:
    nodes, weights = legendre.leggauss(200)
    return nodes, weights
