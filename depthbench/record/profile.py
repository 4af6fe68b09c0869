"""The signal and its gradient at each block of a network, at one moment."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Signal and gradient at each block's output, from the image to the last head.

    Attributes:
        num_layers: Weight layers on the longest path from the image to the block's
            output.
        deviation: Standard deviation of that output, over images and values.
        gradient: Euclidean norm of the gradient there of the last head's mean cross
            entropy.
        correlation: Mean cosine of the outputs of two images of different classes.
    """

    num_layers: tuple[int, ...]
    deviation: tuple[float, ...]
    gradient: tuple[float, ...]
    correlation: tuple[float, ...]

    @property
    def nats(self) -> float:
        """D between the first and the last block."""
        return nats_between(self.gradient[0], self.gradient[-1])


def nats_between(first: float, last: float) -> float:
    """D: ln of the squared norm of the gradient at the first block over the last's.

    Below 0 the gradient vanishes towards the image, above 0 it explodes; infinite where
    one of the two is 0, NaN where both are or one is no number.
    """
    if not (math.isfinite(first) and math.isfinite(last)) or first == last == 0:
        return math.nan
    if first == 0 or last == 0:
        return -math.inf if first == 0 else math.inf
    return 2 * (math.log(first) - math.log(last))
