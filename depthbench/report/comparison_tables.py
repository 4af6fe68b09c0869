"""Comparisons as rows of a CSV file and as a document."""

from collections.abc import Sequence
from typing import Any

from depthbench.curves import Estimate
from depthbench.report.columns import Column
from depthbench.report.comparison import Comparison, Side
from depthbench.report.csv_text import csv_text

_SIDE = (
    ("architecture", "text", "registered name"),
    ("data", "text", "data set"),
    ("protocol", "text", "standard or notebook"),
    ("rate", "text", "learning rate, in a study of several; else empty"),
    ("k50", "number", "depth where half of all trainings succeed; empty: a bound only"),
    ("k50_low", "number", "5 % point of the posterior; empty: no bound from below"),
    ("k50_high", "number", "95 % point; empty: no bound from above"),
    ("num_trials", "whole", "trials that are evidence"),
)

COMPARISON_COLUMNS = (
    *(
        Column(f"{name}_{side}", kind, f"{side.upper()}: {meaning}")  # type: ignore[arg-type]
        for side in "ab"
        for name, kind, meaning in _SIDE
    ),
    Column("ratio", "number", "k50_b / k50_a; empty where there is only a bound"),
    Column("ratio_low", "number", "5 % point; empty: no bound from below"),
    Column("ratio_high", "number", "95 % point; empty: no bound from above"),
    Column("probability_b_deeper", "number", "that the ratio is above 1"),
    Column("is_worse", "flag", "the interval of the ratio lies below 1 - tolerance"),
    Column("num_pairs", "whole", "trials at the same depth with the same seed"),
    Column("num_both", "whole", "pairs of which both trained"),
    Column("num_only_a", "whole", "pairs of which only A's trained"),
    Column("num_only_b", "whole", "pairs of which only B's trained"),
    Column("num_neither", "whole", "pairs of which none trained"),
    Column("num_shared", "whole", "pairs that are one training"),
    Column("p_value", "number", "two-sided, exact McNemar test on the pairs"),
    Column("differences", "text", "what differs, A then B"),
)


def comparison_row(comparison: Comparison, tolerance: float = 0.0) -> dict[str, Any]:
    """The values of `COMPARISON_COLUMNS`."""
    pairs, ratio = comparison.pairs, comparison.ratio
    return (
        _side("a", comparison.a, comparison.k50_a, comparison.num_trials_a)
        | _side("b", comparison.b, comparison.k50_b, comparison.num_trials_b)
        | {
            "ratio": ratio.median,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "probability_b_deeper": _rounded(comparison.posterior.probability_b_deeper),
            "is_worse": comparison.is_worse(tolerance),
            "num_pairs": pairs.total,
            "num_both": pairs.both,
            "num_only_a": pairs.only_a,
            "num_only_b": pairs.only_b,
            "num_neither": pairs.neither,
            "num_shared": comparison.num_shared,
            "p_value": _rounded(pairs.p_value),
            "differences": differences_text(comparison),
        }
    )


def comparison_csv(comparisons: Sequence[Comparison], tolerance: float = 0.0) -> str:
    """The text of a CSV file, one row a comparison."""
    rows = [comparison_row(each, tolerance) for each in comparisons]
    return csv_text(rows, COMPARISON_COLUMNS)


def differences_text(comparison: Comparison) -> str:
    """What differs, A then B: "lr: 0.05 | 0.1; cap: 96 | 768"."""
    return "; ".join(
        f"{each.field}: {each.a} | {each.b}" for each in comparison.differences
    )


def _side(name: str, side: Side, k50: Estimate, num_trials: int) -> dict[str, Any]:
    cell = side.cell.cell
    values = {
        "architecture": cell.architecture,
        "data": cell.data,
        "protocol": cell.protocol,
        "rate": cell.rate.name,
        "k50": k50.median,
        "k50_low": k50.low,
        "k50_high": k50.high,
        "num_trials": num_trials,
    }
    return {f"{key}_{name}": value for key, value in values.items()}


def _rounded(number: float | None) -> float | None:
    """Six significant digits: more would be noise of the last places."""
    return None if number is None else float(f"{number:.6g}")
