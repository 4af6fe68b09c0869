"""What a training came to."""

from dataclasses import dataclass

from depthbench.record import EpochRecord, TracePoint


@dataclass(frozen=True, slots=True)
class Stop:
    """A training ended by a rule.

    Attributes:
        rule: Its name.
        num_steps: Updates made by then.
        epoch: The one that it ended, as far as it went.
    """

    rule: str
    num_steps: int
    epoch: EpochRecord


@dataclass(frozen=True, slots=True)
class Training:
    """What happened in a training; see `TrialRecord` for the meaning of each."""

    epochs: tuple[EpochRecord, ...]
    first_nonfinite_step: int | None
    num_steps: int
    trace: tuple[TracePoint, ...]
    stop: Stop | None = None
