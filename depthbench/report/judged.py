"""A trial as a report shows it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from depthbench.record import Outcome, TrialRecord
from depthbench.spec import Criterion


class JudgedTrial(NamedTuple):
    """A record with its outcome under the criterion of the cell it is shown in."""

    record: TrialRecord
    outcome: Outcome

    @property
    def depth(self) -> int:
        """Depth of the network."""
        return self.record.spec.depth

    @property
    def seed(self) -> int:
        """Seed of the initial weights and the data order."""
        return self.record.spec.seed

    @property
    def lr(self) -> float:
        """Learning rate at the start."""
        return self.record.spec.lr

    def row_id(self, protocol: str) -> str:
        """The id of its row on the page, under one of the protocols that share it."""
        return f"t-{protocol}-{self.record.id}"

    @property
    def has_final_error(self) -> bool:
        """Whether the last completed epoch is how the trial ended.

        A diverged network has no error: its last completed epoch describes it
        before it broke, and what argmax makes of NaN afterwards describes argmax.
        """
        measured = self.outcome.is_evidence and self.outcome is not Outcome.DIVERGED
        return measured and bool(self.record.epochs)


def shown_criterion(criterion: Criterion) -> Criterion:
    """The same, of the error that figures show: of images that were not trained on."""
    is_shown = criterion.source in ("validation", "test_batch_stats")
    return criterion if is_shown else replace(criterion, source="test")


def observations_of(trials: Iterable[JudgedTrial]) -> tuple[tuple[int, bool], ...]:
    """(depth, whether it trained) of those that are evidence."""
    return tuple(
        (trial.depth, trial.outcome is Outcome.TRAINED)
        for trial in trials
        if trial.outcome.is_evidence
    )
