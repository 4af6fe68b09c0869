"""At which depths an architecture is looked at. Imports no torch."""

from depthbench.spec import DepthGrid

# A depth grid has no end; deeper networks tell little more, and take longer.
_DEEPEST = 30


def depths_of(
    grid: DepthGrid, low: int | None = None, high: int | None = None
) -> tuple[int, ...]:
    """The smallest, a middle and the largest depth to look at, each once.

    Args:
        grid: Depths that exist.
        low: None for the smallest of the grid.
        high: None for the deepest of at most 30, but at least the third of the grid.

    Raises:
        ValueError: If `low` or `high` is not on the grid, or they are out of order.
    """
    first = grid.start if low is None else grid.check(low)
    third = grid.start + 2 * grid.step
    last = max(grid.floor(_DEEPEST), third) if high is None else grid.check(high)
    if first > last:
        raise ValueError(f"depths = {first}:{last}: LOW:HIGH with LOW <= HIGH")
    return tuple(dict.fromkeys((first, grid.floor((first + last) // 2), last)))
