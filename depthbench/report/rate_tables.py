"""The tables of a study of several learning rates: the map, and one row a group."""

from typing import Any, NamedTuple

import pandas as pd

from depthbench.curves import Estimate
from depthbench.report.columns import CELL_COLUMNS, DTYPES, Column
from depthbench.report.rates import AtRate, RateGroup, map_points, rate_groups
from depthbench.report.results import StudyResult
from depthbench.report.words import outcome_word

MAP_COLUMNS = (
    *CELL_COLUMNS,
    Column("lr", "number", "learning rate"),
    Column("depth", "whole", "k"),
    Column("num_trained", "whole", "trials that trained"),
    Column("num_failed", "whole", "trials that were measured and did not train"),
    Column("num_no_evidence", "whole", "trials that could not be measured"),
    Column("outcomes", "text", "every outcome, with its count"),
    Column("seeds", "text", "of all these trials"),
)

_AT = {
    "fixed": "at the architecture's own learning rate",
    "best": "at the best of the learning rates that were tried",
    "scaled": "at a learning rate that is a power of depth",
}

RATE_COLUMNS = (
    *CELL_COLUMNS,
    *(
        column
        for name, where in _AT.items()
        for column in (
            Column(f"{name}_trains", "whole", f"deepest depth seen to train {where}"),
            Column(f"{name}_fails", "whole", f"shallowest seen to fail {where}"),
            Column(f"{name}_lr", "number", f"the rate at {name}_trains"),
            Column(f"{name}_k50_low", "number", "lower end of its 90 % interval"),
            Column(f"{name}_k50", "number", f"half of all trainings succeed, {where}"),
            Column(f"{name}_k50_high", "number", "upper end of its 90 % interval"),
        )
    ),
    Column("exponent_low", "number", "lower end of its 90 % interval"),
    Column(
        "exponent",
        "number",
        "of depth, in the largest learning rate that trains; empty with too few "
        "failures of large rates",
    ),
    Column("exponent_high", "number", "upper end of its 90 % interval"),
    Column("exponent_trials", "whole", "trials that the exponent rests on"),
)


class RateTables(NamedTuple):
    """What the further CSV files hold."""

    rate_map: pd.DataFrame
    rates: pd.DataFrame


def rate_tables(result: StudyResult) -> RateTables | None:
    """The tables of learning rates; None for a study of one rate."""
    groups = rate_groups(result)
    if not groups:
        return None
    rows = [row for group in groups for row in _map_rows(group)]
    return RateTables(
        _frame(rows, MAP_COLUMNS),
        _frame([_rates_row(group) for group in groups], RATE_COLUMNS),
    )


def _frame(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return frame.astype({column.name: DTYPES[column.kind] for column in columns})


def _group_columns(group: RateGroup) -> dict[str, Any]:
    return dict(zip(("architecture", "data", "protocol"), group.key, strict=True))


def _map_rows(group: RateGroup) -> list[dict[str, Any]]:
    return [
        _group_columns(group)
        | {
            "lr": point.lr,
            "depth": point.depth,
            "num_trained": point.num_trained,
            "num_failed": point.num_failed,
            "num_no_evidence": len(point.trials) - point.num_trained - point.num_failed,
            "outcomes": ", ".join(
                f"{outcome_word(outcome)} {number}"
                for outcome, number in sorted(point.outcomes.items())
            ),
            "seeds": " ".join(str(trial.seed) for trial in point.trials),
        }
        for point in map_points(group)
    ]


def _rates_row(group: RateGroup) -> dict[str, Any]:
    row = _group_columns(group)
    for name in _AT:
        row |= _at_columns(name, getattr(group, name))
    if group.stable is not None:
        row |= _interval("exponent", group.stable.exponent, digits=3)
        row["exponent_trials"] = group.stable.num_trials
    return row


def _at_columns(name: str, at: AtRate | None) -> dict[str, Any]:
    if at is None:
        return {}
    row = {f"{name}_trains": at.trains, f"{name}_fails": at.fails, f"{name}_lr": at.lr}
    return row | (_interval(f"{name}_k50", at.k50, digits=2) if at.k50 else {})


def _interval(name: str, estimate: Estimate, *, digits: int) -> dict[str, Any]:
    """Rounded, so that another processor's last digits do not change the text."""
    ends = (estimate.low, estimate.median, estimate.high)
    return {
        f"{name}{suffix}": None if end is None else round(end, digits)
        for suffix, end in zip(("_low", "", "_high"), ends, strict=True)
    }
