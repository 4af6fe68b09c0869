"""What the fitted curve says, as columns of the table of depths."""

from depthbench.curves.words import estimate_text
from depthbench.report.depth_table import NOTHING, DepthColumn, Field, Row


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)


def _k50(row: Row) -> Field:
    ends = (row.k50.median, row.k50.low, row.k50.high)
    sort = next((end for end in ends if end is not None), None)
    return Field(estimate_text(row.k50) or NOTHING, sort)


def _p_value(row: Row) -> float | None:
    return row.cell.fit.monotonicity_p_value if row.cell.fit else None


def _p_field(row: Row) -> Field:
    p = _p_value(row)
    return Field(NOTHING) if p is None else Field(f"{p:.2g}", p)


def _slope(row: Row) -> float | None:
    if row.cell.fit is None or row.k50.median is None:
        return None
    return _rounded(row.cell.fit.slope.median, 4)


FIT_COLUMNS = (
    DepthColumn(
        "k50_low",
        "number",
        "lower end of the 90 % interval of k50, from all of num_runs; empty where they "
        "do not bound it",
        lambda r: _rounded(r.k50.low, 2),
    ),
    DepthColumn(
        "k50",
        "number",
        "depth where half of all trainings succeed; shown with its 90 % interval",
        lambda r: _rounded(r.k50.median, 2),
        "k50",
        show=_k50,
    ),
    DepthColumn(
        "k50_high",
        "number",
        "upper end of the interval",
        lambda r: _rounded(r.k50.high, 2),
    ),
    DepthColumn(
        "ties_with",
        "text",
        "cells on this data set that cannot be told apart, as ARCH@PROTOCOL: the 90 % "
        "interval of the ratio of the k50s holds 1; shown as letters in common",
        lambda r: ", ".join(r.ties.cells),
        "ties",
        show=lambda r: Field(r.ties.letters or NOTHING),
        is_optional=True,
    ),
    DepthColumn(
        "k90_low",
        "number",
        "the same of k90; 0: no depth succeeds so often",
        lambda r: _rounded(r.k90.low, 2),
    ),
    DepthColumn(
        "k90",
        "number",
        "depth where nine trainings in ten succeed",
        lambda r: _rounded(r.k90.median, 2),
    ),
    DepthColumn(
        "k90_high",
        "number",
        "upper end of the interval",
        lambda r: _rounded(r.k90.high, 2),
    ),
    DepthColumn(
        "slope",
        "number",
        "fall of the success probability from one layer to the next at k50; empty "
        "where k50 is",
        _slope,
    ),
    DepthColumn(
        "lapse",
        "number",
        "share of trainings that fail at any depth",
        lambda r: _rounded(r.cell.fit.lapse.median, 4) if r.cell.fit else None,
    ),
    DepthColumn(
        "monotonicity_p_value",
        "number",
        "how often trials of a success that only falls with depth would look as much "
        "as if it rose somewhere; small where they contradict it",
        lambda r: _rounded(_p_value(r), 4),
        "p if falling",
        is_brief=False,
        show=_p_field,
    ),
)
