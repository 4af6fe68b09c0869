"""The slopes of a leaky ReLU that keep images apart through a chain of layers.

Source: Zhang, Botev and Martens, "Deep learning without shortcuts: shaping the kernel
with tailored rectifiers", 2022 (TAT), section 4.1, with their eta of 0.9. They draw
weights by `delta_orthogonal`.
"""

import functools
import math

# Of the correlation, behind the whole chain, of two signals that had none before it.
CORRELATION = 0.9


def correlation_map(correlation: float, slope: float) -> float:
    """Correlation of two signals behind a leaky ReLU, from that before it.

    For signals of mean 0 and variance 1, in the limit of many channels.
    """
    c = min(correlation, 1.0)
    kink = (math.sqrt(1 - c * c) - c * math.acos(c)) / math.pi
    return c + (1 - slope) ** 2 / (1 + slope**2) * kink


def chain_correlation(depth: int, slope: float) -> float:
    """That of two uncorrelated signals behind `depth` layers."""
    correlation = 0.0
    for _ in range(depth):
        correlation = correlation_map(correlation, slope)
    return correlation


@functools.cache
def slopes(depth: int) -> tuple[float, float]:
    """Slopes above and below 0 of the leaky ReLUs of a chain of this depth.

    Their ratio takes the chain to `CORRELATION`, or is 0, a ReLU, where it stays below
    that anyway; their size keeps the mean square of a normal signal.
    """
    low, high = 0.0, 1.0
    if chain_correlation(depth, low) > CORRELATION:
        for _ in range(60):
            middle = (low + high) / 2
            is_above = chain_correlation(depth, middle) > CORRELATION
            low, high = (middle, high) if is_above else (low, middle)
    scale = math.sqrt(2 / (1 + low**2))
    return scale, scale * low
