"""Standard deviations for the normal initialisation of a convolution kernel."""

import math
from collections.abc import Callable, Mapping

# fan_in and fan_out count one pixel's inputs and outputs: kernel area x channels.
Deviation = Callable[[int, int], float]


def _normal_005(fan_in: int, fan_out: int) -> float:
    """0.05 whatever the fan; a standard deviation, not a variance."""
    del fan_in, fan_out
    return 0.05


def _fan_in(fan_in: int, fan_out: int) -> float:
    """sqrt(1/fan_in): keeps the variance of the signal in a linear network.

    Source: LeCun et al., "Efficient BackProp", 1998, section 4.6.
    """
    del fan_out
    return math.sqrt(1 / fan_in)


def _fan_out(fan_in: int, fan_out: int) -> float:
    """sqrt(1/fan_out): keeps the variance of the gradient in a linear network.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", 2010, equation 11.
    """
    del fan_in
    return math.sqrt(1 / fan_out)


INITIALIZERS: Mapping[str, Deviation] = {
    "normal_0.05": _normal_005,
    "fan_in": _fan_in,
    "fan_out": _fan_out,
}
