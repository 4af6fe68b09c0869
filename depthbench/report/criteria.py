"""k50 after fewer epochs and at other thresholds, from the trials there are."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from depthbench.curves import Estimate
from depthbench.record import EpochRecord, Outcome, TrialRecord
from depthbench.report.cell_columns import cell_columns, columns_of, rate_column
from depthbench.report.fit import NO_ESTIMATE
from depthbench.report.interval_columns import interval_columns
from depthbench.report.results import CellResult, StudyResult
from depthbench.report.table import Column, Table
from depthbench.search import curve_of
from depthbench.spec import Cell, Criterion
from depthbench.spec.cadence import cadence_of
from depthbench.verdict import outcome_under

THRESHOLDS = (0.50, 0.20, 0.10, 0.05)
_MOST_BUDGETS = 6  # with more epochs than that, budgets double


@dataclass(frozen=True, slots=True)
class CriterionPoint:
    """k50 of a cell, judged after some epochs by some threshold.

    Most trials are such as the study's search chose by its own criterion. That biases
    no estimate, as the choice rests on what was seen only; but where the depths
    they were spent on tell little about this k50, it is wide, or a bound.

    Attributes:
        num_left_out: Trials that a rule of an earlier version stopped. They are no
            random choice, so an estimate without them is one-sided.
        is_own: Whether it is the study's own question.
    """

    num_epochs: int
    threshold: float
    k50: Estimate
    num_trials: int
    num_trained: int
    num_left_out: int
    is_own: bool


def criterion_points(cell: CellResult) -> list[CriterionPoint]:
    """Every budget with every threshold, from the hardest to meet to the easiest.

    Budgets are of epochs after which the trials were tested.
    """
    own = cell.cell.criterion
    chance = cell.chance_error or 1.0
    thresholds = {own.threshold, *(each for each in THRESHOLDS if each < chance)}
    criteria = [replace(own, threshold=each) for each in sorted(thresholds)]
    template = cell.cell.template
    cadence = cadence_of(template.test_every)
    return [
        point
        for num_epochs in budgets_of(template.epochs)
        if cadence.is_after_epoch(num_epochs, template.epochs)
        for point in _points(cell, num_epochs, criteria)
    ]


def budgets_of(num_epochs: int) -> list[int]:
    """Numbers of epochs to judge after, rising; the last is `num_epochs`."""
    if num_epochs <= _MOST_BUDGETS:
        return list(range(1, num_epochs + 1))
    doublings = [2**n for n in range(int(math.log2(num_epochs)) + 1)]
    return sorted({*doublings, num_epochs})


class CriterionRow(NamedTuple):
    """One question to a cell, and its answer."""

    cell: Cell
    point: CriterionPoint


_LOW, _K50, _HIGH = interval_columns(
    "k50", "layers", "depth where half train; empty: a bound at most", "point.k50"
)

CRITERIA_COLUMNS: tuple[Column[CriterionRow], ...] = (
    *cell_columns("cell"),
    rate_column("cell"),
    Column(
        "epochs", "count", "judged by the errors after this epoch", "point.num_epochs"
    ),
    Column("threshold", "fraction", "the error to stay below", "point.threshold"),
    Column("is_own", "flag", "whether the study itself asked this", "point.is_own"),
    _K50,
    _LOW,
    _HIGH,
    Column("num_trials", "count", "trials that could be judged so", "point.num_trials"),
    Column("num_trained", "count", "of them, those that trained", "point.num_trained"),
    Column(
        "num_left_out",
        "count",
        "trials that a rule of an earlier version stopped, and cannot be judged",
        "point.num_left_out",
    ),
)


def criteria_table(result: StudyResult) -> Table[CriterionRow]:
    """A row for each cell, number of epochs and threshold."""
    rows = [
        CriterionRow(each.cell, point)
        for each in result.cells
        for point in criterion_points(each)
    ]
    return Table(columns_of(CRITERIA_COLUMNS, result), rows)


def num_left_out(result: StudyResult) -> int:
    """Trials that cannot be judged, the cells summed up."""
    return sum(_num_stopped(cell) for cell in result.cells)


def after_epochs(record: TrialRecord, num_epochs: int) -> TrialRecord:
    """What a training of fewer epochs would have recorded.

    The rate of an epoch does not depend on how many follow, and the images' order is
    drawn epoch by epoch, so a shorter training is the beginning of a longer one, update
    for update; and a limit on the time ends both at the same step. One that diverged
    later than in the last of these epochs had not diverged by then, unless the last
    update had already left non-finite weights: then its test loss is not finite. (So
    is that of a network which overflows with finite weights; if it diverged in the
    very next epoch, it counts as diverged already.)

    Args:
        record: Of a training that was measured, and not stopped by a rule.
        num_epochs: From 1 to those of its spec.
    """
    done, was_cut = record.epochs[:num_epochs], bool(record.ended_by)
    if num_epochs == record.spec.epochs:
        return record
    milestones = tuple(each for each in record.spec.lr_milestones if each < num_epochs)
    spec = replace(record.spec, epochs=num_epochs, lr_milestones=milestones)
    is_last_before_the_end = len(record.epochs) == num_epochs
    if len(done) < num_epochs or (was_cut and is_last_before_the_end):
        return replace(record, spec=spec)
    broke = is_last_before_the_end and not _is_finite(done[-1])
    return replace(
        record,
        spec=spec,
        epochs=done,
        first_nonfinite_step=record.first_nonfinite_step if broke else None,
        stopped_early=record.stopped_early if broke else None,
        ended_by=None,
    )


def _is_finite(epoch: EpochRecord) -> bool:
    return all(math.isfinite(loss) for loss in epoch.test_loss or ())


def _points(
    cell: CellResult, num_epochs: int, criteria: Sequence[Criterion]
) -> Iterator[CriterionPoint]:
    is_whole = num_epochs == cell.cell.template.epochs
    cut = [(t, after_epochs(t.record, num_epochs)) for t in cell.evidence]
    for criterion in criteria:
        is_own = is_whole and criterion == cell.cell.criterion
        trained = [
            (t.outcome if is_own else outcome_under(record, criterion))
            is Outcome.TRAINED
            for t, record in cut
        ]
        depths = (t.depth for t in cell.evidence)
        curve = curve_of(cell.plan, list(zip(depths, trained, strict=True)))
        yield CriterionPoint(
            num_epochs=num_epochs,
            threshold=criterion.threshold,
            k50=curve.k50().rounded() if curve else NO_ESTIMATE,
            num_trials=len(trained),
            num_trained=sum(trained),
            num_left_out=_num_stopped(cell),
            is_own=is_own,
        )


def _num_stopped(cell: CellResult) -> int:
    return sum(trial.record.was_stopped for trial in cell.trials)
