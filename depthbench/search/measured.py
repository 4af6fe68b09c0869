"""The trials of one cell that are stored, as a search sees them."""

from collections.abc import Mapping
from typing import NamedTuple

from depthbench.record import Outcome, TrialRecord
from depthbench.spec import Cell, Criterion, TrialSpec
from depthbench.verdict import error_of, outcome_under

WORST_ERROR = 1.0


class Key(NamedTuple):
    """What tells the trials of one cell apart."""

    depth: int
    seed: int
    lr: float

    @classmethod
    def of(cls, spec: TrialSpec) -> "Key":
        """The key of a trial of the cell."""
        return cls(spec.depth, spec.seed, spec.lr)


class Measured(NamedTuple):
    """What a search needs of a stored trial.

    Attributes:
        outcome: Under the criterion of the cell.
        error: Its error, a fraction; see `rate_error`.
        seconds: Wall time of the training.
        layer_epochs: Depth times epochs begun.
    """

    outcome: Outcome
    error: float | None
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


Trials = Mapping[Key, Measured]
BySeed = Mapping[tuple[int, int], Measured]  # depth, seed


def by_seed(trials: Trials) -> BySeed:
    """The trials by depth and seed, for a cell with one rate at each depth."""
    return {(key.depth, key.seed): measured for key, measured in trials.items()}


def measured_of(cell: Cell, record: TrialRecord) -> Measured:
    """What a search for `cell` needs of one record."""
    outcome = outcome_under(record, cell.criterion)
    return Measured(
        outcome=outcome,
        error=rate_error(record, outcome, cell.criterion),
        seconds=record.seconds,
        layer_epochs=layer_epochs(record),
    )


def layer_epochs(record: TrialRecord) -> int:
    """Depth times the epochs begun; 0 for a training that could not be measured.

    The epoch in which a training diverged counts in full.
    """
    if not record.outcome.is_evidence:
        return 0
    begun = len(record.epochs) + (record.first_nonfinite_step is not None)
    return record.spec.depth * min(begun, record.spec.epochs)


def rate_error(
    record: TrialRecord, outcome: Outcome, criterion: Criterion
) -> float | None:
    """The error of a trial, a fraction, that a search for learning rates minimises.

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
