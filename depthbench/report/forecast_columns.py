"""What was forecast before the first trial, as columns of the table of depths."""

from collections.abc import Callable

from depthbench.curves import Estimate
from depthbench.curves.words import estimate_text
from depthbench.report.depth_rows import DepthRow
from depthbench.report.table import NOTHING, Column, Field
from depthbench.spec import Cell, ForecastDepth


def forecast_text(cell: Cell) -> str:
    """As in: "61 (40 to 90)"."""
    found = cell.forecast
    if found is None:
        return NOTHING
    if found.k50 is None:
        return f"none up to {found.deepest}"
    return estimate_text(Estimate(found.low, found.k50, found.high))


def _read(name: str) -> Callable[[DepthRow], float | str | None]:
    def read(row: DepthRow) -> float | str | None:
        found: ForecastDepth | None = row.cell.cell.forecast
        value = getattr(found, name, None)
        return round(value, 2) if isinstance(value, float) else value

    return read


def _shown(row: DepthRow) -> Field:
    found = row.cell.cell.forecast
    if found is None:
        return Field(NOTHING)
    sort = found.deepest if found.k50 is None else found.k50
    return Field(forecast_text(row.cell.cell), sort)


FORECAST_COLUMNS: tuple[Column[DepthRow], ...] = (
    Column(
        "forecast_low",
        "layers",
        "k50 was expected before the first trial to be this at least",
        _read("low"),
    ),
    Column(
        "forecast",
        "layers",
        "the k50 that was expected; empty without a forecast, or where none was found",
        _read("k50"),
        "forecast",
        _shown,
        left_out="empty",
    ),
    Column("forecast_high", "layers", "this at most", _read("high")),
    Column(
        "forecast_limit", "text", "what was expected to limit it", _read("limited_by")
    ),
)
