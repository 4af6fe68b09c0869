"""Comparisons as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from depthbench.report.cell_columns import cell_columns, rate_column
from depthbench.report.comparison import Comparison
from depthbench.report.interval_columns import interval_columns
from depthbench.report.table import Column, Table


class ComparisonRow(NamedTuple):
    """A comparison, and the share of depth that B may lose without being worse."""

    found: Comparison
    tolerance: float


def _rounded(number: float | None) -> float | None:
    """Six significant digits: more would be noise of the last places."""
    return None if number is None else float(f"{number:.6g}")


def _of_side(name: Literal["a", "b"]) -> Iterator[Column[ComparisonRow]]:
    meaning = "depth where half of all trainings succeed; empty: a bound only"
    low, median, high = interval_columns("k50", "layers", meaning, f"found.k50_{name}")
    cell, count = f"found.{name}.cell.cell", f"found.num_trials_{name}"
    for each in (
        *cell_columns(cell),
        rate_column(cell),
        *(median, low, high),
        Column("num_trials", "count", "trials that are evidence", count),
    ):
        meaning = f"{name.upper()}: {each.meaning}"
        yield replace(each, name=f"{each.name}_{name}", meaning=meaning)


_LOW, _RATIO, _HIGH = interval_columns(
    "ratio", "", "k50_b / k50_a; empty where there is only a bound", "found.ratio"
)

COMPARISON_COLUMNS: tuple[Column[ComparisonRow], ...] = (
    *_of_side("a"),
    *_of_side("b"),
    _RATIO,
    _LOW,
    _HIGH,
    Column(
        "probability_b_deeper",
        "fraction",
        "that the ratio is above 1",
        lambda row: _rounded(row.found.posterior.probability_b_deeper),
    ),
    Column(
        "is_worse",
        "flag",
        "the interval of the ratio lies below 1 - tolerance",
        lambda row: row.found.is_worse(row.tolerance),
    ),
    Column(
        "num_pairs",
        "count",
        "trials at the same depth with the same seed",
        "found.pairs.total",
    ),
    Column("num_both", "count", "pairs of which both trained", "found.pairs.both"),
    Column(
        "num_only_a", "count", "pairs of which only A's trained", "found.pairs.only_a"
    ),
    Column(
        "num_only_b", "count", "pairs of which only B's trained", "found.pairs.only_b"
    ),
    Column(
        "num_neither", "count", "pairs of which none trained", "found.pairs.neither"
    ),
    Column("num_shared", "count", "pairs that are one training", "found.num_shared"),
    Column(
        "p_value",
        "fraction",
        "two-sided, exact McNemar test on the pairs",
        lambda row: _rounded(row.found.pairs.p_value),
    ),
    Column(
        "differences",
        "text",
        "what differs, A then B",
        lambda row: differences_text(row.found),
    ),
)


def comparison_table(
    comparisons: Sequence[Comparison], tolerance: float = 0.0
) -> Table[ComparisonRow]:
    """One row per comparison."""
    rows = [ComparisonRow(each, tolerance) for each in comparisons]
    return Table(COMPARISON_COLUMNS, rows)


def differences_text(comparison: Comparison) -> str:
    """What differs, A then B: "lr: 0.05 | 0.1; cap: 96 | 768"."""
    return "; ".join(
        f"{each.field}: {each.a} | {each.b}" for each in comparison.differences
    )
