"""The tables of a study of several learning rates: the map, and one row per group."""

from typing import NamedTuple

from depthbench.report.cell_columns import cell_columns
from depthbench.report.interval_columns import interval_columns
from depthbench.report.rates import AtRate, MapPoint, RateGroup, map_points, rate_groups
from depthbench.report.results import StudyResult
from depthbench.report.table import NOTHING, Column, Table
from depthbench.report.words import outcome_word
from depthbench.spec import Cell


class MapRow(NamedTuple):
    """All trials of a group at one depth and learning rate."""

    cell: Cell
    point: MapPoint


def _outcomes(row: MapRow) -> str:
    found = sorted(row.point.outcomes.items())
    return ", ".join(f"{outcome_word(outcome)} {number}" for outcome, number in found)


MAP_COLUMNS: tuple[Column[MapRow], ...] = (
    *cell_columns("cell"),
    Column("lr", "", "learning rate", "point.lr"),
    Column("depth", "k", "k", "point.depth"),
    Column("num_trained", "count", "trials that trained", "point.num_trained"),
    Column(
        "num_failed",
        "count",
        "trials that were measured and did not train",
        "point.num_failed",
    ),
    Column(
        "num_no_evidence",
        "count",
        "trials that could not be measured",
        lambda row: (
            len(row.point.trials) - row.point.num_trained - row.point.num_failed
        ),
    ),
    Column("outcomes", "text", "every outcome, with its count", _outcomes),
    Column(
        "seeds",
        "text",
        "of all these trials",
        lambda row: " ".join(str(trial.seed) for trial in row.point.trials),
    ),
)


def _bracket(at: AtRate | None) -> str:
    if at is None:
        return NOTHING
    trains, fails = (
        NOTHING if depth is None else str(depth) for depth in (at.trains, at.fails)
    )
    lr = f" at {at.lr:.3g}" if at.lr is not None else ""
    return f"{trains}{lr}, {fails}{'' if at.is_final else ', unfinished'}"


def _columns_at(name: str, where: str) -> tuple[Column[RateGroup], ...]:
    return (
        Column(
            f"{name}_trains",
            "k",
            f"deepest depth seen to train {where}",
            f"{name}.trains",
            f"{'own' if name == 'fixed' else name} rate: trains, fails",
            lambda group: _bracket(getattr(group, name)),
        ),
        Column(
            f"{name}_fails", "k", f"shallowest seen to fail {where}", f"{name}.fails"
        ),
        Column(f"{name}_lr", "", f"the rate at {name}_trains", f"{name}.lr"),
        *interval_columns(
            f"{name}_k50",
            "layers",
            f"half of all trainings succeed, {where}",
            f"{name}.k50",
            title="k50",
            digits=2,
        ),
    )


def _exponent(group: RateGroup) -> str:
    exponent = group.stable and group.stable.exponent
    if exponent is None or exponent.median is None:
        return NOTHING
    ends = (
        "" if end is None else f"{end:.2f}" for end in (exponent.low, exponent.high)
    )
    return f"{exponent.median:.2f} ({' to '.join(ends).strip()})"


RATE_COLUMNS: tuple[Column[RateGroup], ...] = (
    *cell_columns("cell"),
    *_columns_at("fixed", "at the architecture's own learning rate"),
    *_columns_at("best", "at the best of the learning rates that were tried"),
    *_columns_at("scaled", "at a learning rate that is a power of depth"),
    *interval_columns(
        "exponent",
        "",
        "of depth, in the largest learning rate that trains; empty with too few "
        "failures of large rates",
        "stable.exponent",
        title="exponent of the largest",
        show=_exponent,
        digits=3,
    ),
    Column(
        "exponent_trials",
        "count",
        "trials that the exponent rests on",
        "stable.num_trials",
    ),
)


def map_table(result: StudyResult) -> Table[MapRow]:
    """The lr x depth map: every pair that was trained."""
    rows = [
        MapRow(group.cell, point)
        for group in rate_groups(result)
        for point in map_points(group)
    ]
    return Table(MAP_COLUMNS, rows)


def rates_table(result: StudyResult) -> Table[RateGroup]:
    """How deep each group trains at its own, at the best and at a scaled rate."""
    return Table(RATE_COLUMNS, rate_groups(result))
