"""The three columns of a number with an interval."""

from collections.abc import Callable
from typing import Any

from depthbench.curves.words import estimate_text
from depthbench.report.fit import NO_ESTIMATE
from depthbench.report.table import NOTHING, Column, Field, Unit, follow


def interval_columns(
    name: str,
    unit: Unit,
    meaning: str,
    path: str,
    *,
    title: str = "",
    show: Callable[[Any], Field | str] | None = None,
    digits: int | None = None,
) -> tuple[Column[Any], Column[Any], Column[Any]]:
    """The low, middle and high end of the `Estimate` at a path.

    In the middle people read all of it: by `show`, else as a depth.
    """

    def depth(row: Any) -> Field:
        estimate = follow(row, path) or NO_ESTIMATE
        ends = (estimate.median, estimate.low, estimate.high)
        sort = next((end for end in ends if end is not None), None)
        return Field(estimate_text(estimate) or NOTHING, sort)

    def end(which: str) -> str:
        return f"{which} end of its 90 % interval; empty where no trials bound it"

    return (
        Column(f"{name}_low", unit, end("lower"), f"{path}.low", digits=digits),
        Column(
            name, unit, meaning, f"{path}.median", title, show or depth, digits=digits
        ),
        Column(f"{name}_high", unit, end("upper"), f"{path}.high", digits=digits),
    )
