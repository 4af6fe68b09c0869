"""What the fitted curve says, as columns of the table of depths."""

from collections.abc import Callable

from depthbench.curves import Estimate
from depthbench.curves.words import estimate_text
from depthbench.report.depth_rows import DepthRow
from depthbench.report.table import NOTHING, Column, Field

_MEANINGS = {
    "k50": (
        "lower end of the 90 % interval of k50, from all of num_runs; empty where they "
        "do not bound it",
        "depth where half of all trainings succeed; shown with its 90 % interval",
    ),
    "k90": (
        "the same of k90; 0: no depth succeeds so often",
        "depth where nine trainings in ten succeed",
    ),
}


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def _interval(
    name: str,
    read: Callable[[DepthRow], Estimate],
    show: Callable[[DepthRow], Field] | None = None,
) -> tuple[Column[DepthRow], ...]:
    low, median = _MEANINGS[name]
    return (
        Column(f"{name}_low", "layers", low, lambda r: _rounded(read(r).low, 2)),
        Column(
            name,
            "layers",
            median,
            lambda r: _rounded(read(r).median, 2),
            name if show else "",
            show,
        ),
        Column(
            f"{name}_high",
            "layers",
            "upper end of the interval",
            lambda r: _rounded(read(r).high, 2),
        ),
    )


def _k50(row: DepthRow) -> Field:
    ends = (row.k50.median, row.k50.low, row.k50.high)
    sort = next((end for end in ends if end is not None), None)
    return Field(estimate_text(row.k50) or NOTHING, sort)


def _p_value(row: DepthRow) -> float | None:
    return row.cell.fit.monotonicity_p_value if row.cell.fit else None


def _p_field(row: DepthRow) -> Field:
    p = _p_value(row)
    return Field(NOTHING) if p is None else Field(f"{p:.2g}", p)


def _slope(row: DepthRow) -> float | None:
    if row.cell.fit is None or row.k50.median is None:
        return None
    return _rounded(row.cell.fit.slope.median, 4)


FIT_COLUMNS = (
    *_interval("k50", lambda row: row.k50, _k50),
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
    *_interval("k90", lambda row: row.k90),
    Column(
        "slope",
        "fraction",
        "fall of the success probability from one layer to the next at k50; empty "
        "where k50 is",
        _slope,
    ),
    Column(
        "lapse",
        "fraction",
        "share of trainings that fail at any depth",
        lambda r: _rounded(r.cell.fit.lapse.median, 4) if r.cell.fit else None,
    ),
    Column(
        "monotonicity_p_value",
        "fraction",
        "how often trials of a success that only falls with depth would look as much "
        "as if it rose somewhere; small where they contradict it",
        lambda row: _rounded(_p_value(row), 4),
        "p if falling",
        _p_field,
        is_brief=False,
    ),
)
