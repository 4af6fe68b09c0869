"""The axis of depths when it spans several doublings, and when it does not."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

_WIDEST_LINEAR_RATIO = 8


def set_depth_scale(axes: Axes, depths: Sequence[int]) -> None:
    """Linear where all depths are of one size, else doubling with every tick.

    Leaves room for a label to the right of the deepest.
    """
    low, high = min(depths), max(depths)
    if high <= _WIDEST_LINEAR_RATIO * low:
        span = max(high - low, 1)
        axes.set_xlim(low - 0.05 * span, high + 0.15 * span)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    ticks = [low * 2**i for i in range(math.ceil(math.log2(high / low)) + 1)]
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    axes.set_xlim(low / 1.25, max(high * 1.5, ticks[-1]))
