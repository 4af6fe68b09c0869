"""Where a search begins that has a forecast."""

from depthbench.spec import DepthGrid, ForecastDepth


def first_depths(
    forecast: ForecastDepth | None, grid: DepthGrid, cap: int
) -> tuple[int, int] | None:
    """The low end of a forecast and the forecast itself; None to start at the bottom.

    A failure at the high end would cost more, and tell less.
    """
    if forecast is None or forecast.low is None or forecast.k50 is None:
        return None
    low, middle = (
        grid.floor(min(round(depth), cap)) for depth in (forecast.low, forecast.k50)
    )
    return (low, middle) if low < middle else None
