"""The trials of one cell that are stored, by depth and seed."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from depthbench.record import Outcome, TrialRecord
from depthbench.spec import Cell, Criterion
from depthbench.verdict import error_of, outcome_under

WORST_ERROR = 1.0


class Measured(NamedTuple):
    """What a search needs of a stored trial.

    Attributes:
        outcome: Under the criterion of the cell.
        seconds: Wall time of the training.
        layer_epochs: Depth times epochs begun.
    """

    outcome: Outcome
    seconds: float
    layer_epochs: int

    @property
    def is_evidence(self) -> bool:
        """Whether it says something about the architecture."""
        return self.outcome.is_evidence

    @property
    def trained(self) -> bool:
        """Whether it counts as trained."""
        return self.outcome is Outcome.TRAINED


MeasuredTrials = Mapping[tuple[int, int], Measured]


def measured_trials(cell: Cell, records: Iterable[TrialRecord]) -> MeasuredTrials:
    """The trials of `cell` by (depth, seed); of several records the last counts.

    Without those that were stopped early, which are to be trained again.
    """
    return {
        (record.spec.depth, record.spec.seed): measured_of(cell, record)
        for record in records
        if cell.owns(record.spec) and not record.was_stopped
    }


def measured_of(cell: Cell, record: TrialRecord) -> Measured:
    """What a search for `cell` needs of one record."""
    outcome = outcome_under(record, cell.criterion)
    return Measured(outcome, record.seconds, layer_epochs(record))


def layer_epochs(record: TrialRecord) -> int:
    """Depth times the epochs begun; 0 for a training that could not be measured.

    The epoch in which a training diverged counts in full.
    """
    if not record.outcome.is_evidence:
        return 0
    begun = len(record.epochs) + (record.first_nonfinite_step is not None)
    return record.spec.depth * min(begun, record.spec.epochs)


def told_error(
    record: TrialRecord, outcome: Outcome, criterion: Criterion
) -> float | None:
    """The error of a trial, a fraction, as an optimizer of rates is told it.

    The one that the criterion reads off the last epoch. A training that diverged has
    the worst there is, 1.

    Returns:
        None for one that could not be measured.
    """
    if not outcome.is_evidence:
        return None
    if outcome is Outcome.DIVERGED:
        return WORST_ERROR
    return error_of(record.epochs[-1], criterion)
