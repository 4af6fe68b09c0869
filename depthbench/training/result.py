"""What a training came to, and the record of it."""

from dataclasses import dataclass
from typing import Any

from depthbench.record import (
    Chance,
    EpochRecord,
    EvaluationPoint,
    FirstFilters,
    Profile,
    TracePoint,
    TrialRecord,
)
from depthbench.spec import TrialSpec
from depthbench.verdict import REFERENCE_CRITERION, outcome_of

# What `Training.ended_by` says of a training that used up the time it was given.
TIME_LIMIT = "max_train_seconds"


@dataclass(frozen=True, slots=True)
class Training:
    """What happened in a training; see `TrialRecord` for the meaning of each."""

    epochs: tuple[EpochRecord, ...]
    first_nonfinite_step: int | None
    num_steps: int
    trace: tuple[TracePoint, ...]
    ended_by: str | None = None
    first_filters: FirstFilters | None = None
    tests: tuple[EvaluationPoint, ...] = ()
    step_losses: tuple[float, ...] = ()
    profile_start: Profile | None = None
    profile_end: Profile | None = None


def record_of(
    spec: TrialSpec, training: Training, *, chance: Chance, **others: Any
) -> TrialRecord:
    """The record of a trial whose training was measured, judged.

    Args:
        spec: Of the trial.
        training: What it came to.
        chance: On the images it had.
        others: Further fields of the record.
    """
    diverged = training.first_nonfinite_step is not None
    return TrialRecord(
        spec=spec,
        outcome=outcome_of(
            training.epochs,
            first_nonfinite_step=training.first_nonfinite_step,
            chance=chance,
            criterion=REFERENCE_CRITERION,
        ),
        epochs=training.epochs,
        first_nonfinite_step=training.first_nonfinite_step,
        num_steps=training.num_steps,
        chance=chance,
        stopped_early="non-finite loss" if diverged else None,
        trace=training.trace,
        ended_by=training.ended_by,
        first_filters=training.first_filters,
        tests=training.tests,
        step_losses=training.step_losses,
        profile_start=training.profile_start,
        profile_end=training.profile_end,
        **others,
    )
