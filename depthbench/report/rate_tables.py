"""The tables of a study of several learning rates: the map, and one row per group."""

from collections.abc import Callable
from typing import Any, NamedTuple

from depthbench.curves import Estimate
from depthbench.curves.words import estimate_text
from depthbench.report.cell_columns import cell_columns
from depthbench.report.rates import AtRate, MapPoint, RateGroup, map_points, rate_groups
from depthbench.report.results import StudyResult
from depthbench.report.table import NOTHING, Column, Table, Unit
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
    *cell_columns(lambda row: row.cell),
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


def _interval(
    name: str,
    meaning: str,
    read: Callable[[RateGroup], Estimate | None],
    digits: int,
    **shown: Any,
) -> tuple[Column[RateGroup], ...]:
    """Rounded, so that another processor's last digits do not change the text."""

    def end(which: str) -> Callable[[RateGroup], float | None]:
        def value(group: RateGroup) -> float | None:
            number: float | None = getattr(read(group), which, None)
            return None if number is None else round(number, digits)

        return value

    unit: Unit = "" if name == "exponent" else "layers"
    return (
        Column(f"{name}_low", unit, "lower end of its 90 % interval", end("low")),
        Column(name, unit, meaning, end("median"), **shown),
        Column(f"{name}_high", unit, "upper end of its 90 % interval", end("high")),
    )


def _columns_at(name: str, where: str) -> tuple[Column[RateGroup], ...]:
    def at(group: RateGroup) -> AtRate | None:
        found: AtRate | None = getattr(group, name)
        return found

    def k50(group: RateGroup) -> Estimate | None:
        return getattr(at(group), "k50", None)

    return (
        Column(
            f"{name}_trains",
            "k",
            f"deepest depth seen to train {where}",
            lambda group: getattr(at(group), "trains", None),
            f"{'own' if name == 'fixed' else name} rate: trains, fails",
            lambda group: _bracket(at(group)),
        ),
        Column(
            f"{name}_fails",
            "k",
            f"shallowest seen to fail {where}",
            lambda group: getattr(at(group), "fails", None),
        ),
        Column(
            f"{name}_lr",
            "",
            f"the rate at {name}_trains",
            lambda group: getattr(at(group), "lr", None),
        ),
        *_interval(
            f"{name}_k50",
            f"half of all trainings succeed, {where}",
            k50,
            digits=2,
            title="k50",
            show=lambda group: _k50_text(k50(group)),
        ),
    )


def _k50_text(k50: Estimate | None) -> str:
    return (estimate_text(k50) if k50 else "") or NOTHING


def _exponent(group: RateGroup) -> Estimate | None:
    return group.stable and group.stable.exponent


def _exponent_text(group: RateGroup) -> str:
    exponent = _exponent(group)
    if exponent is None or exponent.median is None:
        return NOTHING
    ends = [
        "" if end is None else f"{end:.2f}" for end in (exponent.low, exponent.high)
    ]
    return f"{exponent.median:.2f} ({' to '.join(ends).strip()})"


RATE_COLUMNS: tuple[Column[RateGroup], ...] = (
    *cell_columns(lambda group: group.cells[0].cell),
    *_columns_at("fixed", "at the architecture's own learning rate"),
    *_columns_at("best", "at the best of the learning rates that were tried"),
    *_columns_at("scaled", "at a learning rate that is a power of depth"),
    *_interval(
        "exponent",
        "of depth, in the largest learning rate that trains; empty with too few "
        "failures of large rates",
        _exponent,
        digits=3,
        title="exponent of the largest",
        show=_exponent_text,
    ),
    Column(
        "exponent_trials",
        "count",
        "trials that the exponent rests on",
        lambda group: group.stable and group.stable.num_trials,
    ),
)


def map_table(result: StudyResult) -> Table[MapRow]:
    """The lr x depth map: every pair that was trained."""
    rows = [
        MapRow(group.cells[0].cell, point)
        for group in rate_groups(result)
        for point in map_points(group)
    ]
    return Table(MAP_COLUMNS, rows)


def rates_table(result: StudyResult) -> Table[RateGroup]:
    """How deep each group trains at its own, at the best and at a scaled rate."""
    return Table(RATE_COLUMNS, rate_groups(result))
