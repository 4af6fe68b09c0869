"""The columns that say which cell a row is about."""

from typing import Any, TypeVar

from depthbench.report.results import StudyResult
from depthbench.report.table import Column, LeftOut, follow

R = TypeVar("R")

CLAIM_COLUMNS = frozenset({"claim", "claim_conditions", "source"})


def cell_columns(path: str) -> tuple[Column[Any], ...]:
    """Which cell a row is about; `path` leads to it."""

    def column(name: str, meaning: str, left_out: LeftOut = "same") -> Column[Any]:
        read = f"{path}.{name}"
        return Column(name, "text", meaning, read, name, left_out=left_out)

    return (
        column("architecture", "registered name", "never"),
        column("data", "data set"),
        column("protocol", "how it was trained: standard or notebook"),
    )


def rate_column(path: str) -> Column[Any]:
    """The name of a cell's rate, for tables of studies that have several."""
    return Column(
        "rate",
        "text",
        "in a study of several learning rates: one at all depths, one scaled with "
        "depth, or searched for at each",
        lambda row: follow(row, f"{path}.rate.name") or None,
        "rate",
        left_out="empty",
    )


def setting_columns(path: str) -> tuple[Column[Any], ...]:
    """How a trial was computed; `path` leads to its spec."""
    own = "in place of the architecture's own; empty: its own"
    kernels = "reference (plain PyTorch) or fused"
    return (
        Column("initializer", "text", own, f"{path}.initializer"),
        Column("device", "text", "cpu or cuda", f"{path}.device"),
        Column("kernels", "text", kernels, f"{path}.kernels"),
    )


def columns_of(
    columns: tuple[Column[R], ...], result: StudyResult
) -> tuple[Column[R], ...]:
    """Without the rate where a study has one alone, and claims where it has none."""
    absent = {"rate"} if not result.has_rates else set()
    absent |= CLAIM_COLUMNS if not result.has_claims else set()
    return tuple(each for each in columns if each.name not in absent)
