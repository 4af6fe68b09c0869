"""Columns of the table of depths: what the fitted curve says, and the forecast."""

from depthbench.curves import Estimate
from depthbench.curves.words import estimate_text
from depthbench.report.interval_columns import interval_columns
from depthbench.report.table import NOTHING, Column, Field
from depthbench.report.ties import DepthRow
from depthbench.spec import Cell


def _p_field(row: DepthRow) -> Field:
    p = row.cell.fit.monotonicity_p_value if row.cell.fit else None
    return Field(NOTHING) if p is None else Field(f"{p:.2g}", p)


def _slope(row: DepthRow) -> float | None:
    if row.cell.fit is None or row.cell.k50.median is None:
        return None
    return row.cell.fit.slope.median


FIT_COLUMNS: tuple[Column[DepthRow], ...] = (
    *interval_columns(
        "k50",
        "layers",
        "depth where half of all trainings succeed, from all of num_runs; shown with "
        "its 90 % interval",
        "cell.k50",
        title="k50",
        digits=2,
    ),
    Column(
        "ties_with",
        "text",
        "cells on this data set that cannot be told apart, as ARCH@PROTOCOL: the 90 % "
        "interval of the ratio of the k50s holds 1; shown as letters in common",
        lambda row: ", ".join(row.ties.cells),
        "ties",
        lambda row: row.ties.letters or NOTHING,
        left_out="empty",
    ),
    *interval_columns(
        "k90",
        "layers",
        "depth where nine trainings in ten succeed; 0: no depth succeeds so often",
        "cell.fit.k90",
        digits=2,
    ),
    Column(
        "slope",
        "fraction",
        "fall of the success probability from one layer to the next at k50; empty "
        "where k50 is",
        _slope,
        digits=4,
    ),
    Column(
        "lapse",
        "fraction",
        "share of trainings that fail at any depth",
        "cell.fit.lapse.median",
        digits=4,
    ),
    Column(
        "monotonicity_p_value",
        "fraction",
        "how often trials of a success that only falls with depth would look as much "
        "as if it rose somewhere; small where they contradict it",
        "cell.fit.monotonicity_p_value",
        "p if falling",
        _p_field,
        is_brief=False,
        digits=4,
    ),
)


def forecast_text(cell: Cell) -> str:
    """As in: "61 (40 to 90)"."""
    found = cell.forecast
    if found is None:
        return NOTHING
    if found.k50 is None:
        return f"none up to {found.deepest}"
    return estimate_text(Estimate(found.low, found.k50, found.high))


def _forecast(row: DepthRow) -> Field:
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
        "cell.cell.forecast.low",
        digits=2,
    ),
    Column(
        "forecast",
        "layers",
        "the k50 that was expected; empty without a forecast, or where none was found",
        "cell.cell.forecast.k50",
        "forecast",
        _forecast,
        left_out="empty",
        digits=2,
    ),
    Column(
        "forecast_high",
        "layers",
        "this at most",
        "cell.cell.forecast.high",
        digits=2,
    ),
    Column(
        "forecast_limit",
        "text",
        "what was expected to limit it",
        "cell.cell.forecast.limited_by",
    ),
)
