"""The columns that say which cell a row is about."""

from collections.abc import Callable
from typing import TypeVar

from depthbench.report.results import StudyResult
from depthbench.report.table import Column, LeftOut
from depthbench.spec import Cell

R = TypeVar("R")

CLAIM_COLUMNS = frozenset({"claim", "claim_conditions", "source"})


def cell_columns(cell_of: Callable[[R], Cell]) -> tuple[Column[R], ...]:
    """Which cell a row is about."""

    def column(name: str, meaning: str, left_out: LeftOut = "same") -> Column[R]:
        return Column(
            name,
            "text",
            meaning,
            lambda row: getattr(cell_of(row), name),
            name,
            left_out=left_out,
        )

    return (
        column("architecture", "registered name", "never"),
        column("data", "data set"),
        column("protocol", "how it was trained: standard or notebook"),
    )


def rate_column(cell_of: Callable[[R], Cell]) -> Column[R]:
    """The name of a cell's rate, for tables of studies that have several."""
    return Column(
        "rate",
        "text",
        "in a study of several learning rates: one at all depths, one scaled with "
        "depth, or searched for at each",
        lambda row: cell_of(row).rate.name or None,
        "rate",
        left_out="empty",
    )


def columns_of(
    columns: tuple[Column[R], ...], result: StudyResult
) -> tuple[Column[R], ...]:
    """Without the rate where a study has one alone, and claims where it has none."""
    absent = {"rate"} if not result.has_rates else set()
    absent |= CLAIM_COLUMNS if not result.has_claims else set()
    return tuple(each for each in columns if each.name not in absent)
