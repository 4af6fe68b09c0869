"""What happened: frozen records of a trial, its epochs, its trace and its place."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from depthbench.record.chance import Chance
from depthbench.record.profile import Profile
from depthbench.spec import TrialSpec

# Steps that a point of a trace sums up.
TRACE_STEPS = 25


class Outcome(StrEnum):
    """How a trial ended. The last four say nothing about the architecture.

    `unsettled` is a trial that a rule of an earlier version stopped; no record says so
    itself, since it has the outcome that the rule concluded.
    """

    TRAINED = "trained"
    STUCK = "stuck"
    DIVERGED = "diverged"
    COLLAPSED = "collapsed"
    SLOW = "slow"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    UNSETTLED = "unsettled"

    @property
    def is_evidence(self) -> bool:
        """Whether the training itself was measured, well or badly ended."""
        failed = (Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT, Outcome.CRASHED)
        return self not in (*failed, Outcome.UNSETTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRecord:
    """One epoch. Losses are in nats, errors are fractions; one entry a head.

    Attributes:
        train_loss: Cross entropy, mean over the epoch's training images, measured as
            they were trained on, so it lags behind the weights at the epoch's end.
            Without the L2 penalty, if the trial has one: it belongs to no head, and
            chance stays where it is.
        train_error: The same, of the error.
        test_loss: On the test set after the epoch, in evaluation mode; None, as all of
            the following, in an epoch after which the trial was not tested.
        test_error: The same, of the error. A head whose logits are all NaN is
            counted as answering class 0, as `argmax` does.
        test_error_batch_stats: Test error with BatchNorm using each batch's own
            statistics; None for a network without BatchNorm.
        validation_loss: On the training images held out, after the epoch, in
            evaluation mode; None in a trial that holds out none.
        validation_error: The same, of the error.
        train_loss_after: On all training images, after the epoch, in evaluation mode;
            None in a trial that did not ask for it.
        train_error_after: The same, of the error.
        seconds: Wall time of the epoch with its evaluation.
    """

    train_loss: tuple[float, ...]
    train_error: tuple[float, ...]
    test_loss: tuple[float, ...] | None = None
    test_error: tuple[float, ...] | None = None
    test_error_batch_stats: tuple[float, ...] | None = None
    validation_loss: tuple[float, ...] | None = None
    validation_error: tuple[float, ...] | None = None
    train_loss_after: tuple[float, ...] | None = None
    train_error_after: tuple[float, ...] | None = None
    seconds: float

    @property
    def is_tested(self) -> bool:
        """Whether a test followed it; after the last epoch one always does."""
        return self.test_error is not None


class EvaluationPoint(NamedTuple):
    """A test before training or within an epoch, in evaluation mode.

    Attributes:
        num_steps: Steps of the training up to then.
        loss: On the images held out, or on the test set in a trial that holds out none,
            in nats, per head.
        error: The same, as a fraction.
    """

    num_steps: int
    loss: tuple[float, ...]
    error: tuple[float, ...]


class TracePoint(NamedTuple):
    """Up to `TRACE_STEPS` steps of one epoch, to five significant digits.

    Attributes:
        num_steps: Steps of the training up to the end of these.
        loss: Mean over these steps of the batch's cross entropy, in nats, the mean
            over heads.
        gradient_norm: Mean over these steps of the Euclidean norm of its gradient of
            all parameters, before momentum, weight decay and the L2 penalty's.
    """

    num_steps: int
    loss: float
    gradient_norm: float


@dataclass(frozen=True, slots=True)
class FirstFilters:
    """Filters of the convolution that sees the image, after training; for pictures.

    Attributes:
        shape: Filters, channels, height, width.
        largest: Of the absolute values of the weights.
        levels: A weight over `largest` times 127, rounded: signed bytes in C order,
            as Base64.
    """

    shape: tuple[int, int, int, int]
    largest: float
    levels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a trial ran, as far as it can change or explain the numbers.

    Attributes:
        instruction_set: That the fused CPU kernels used, if the trial used them.
    """

    depthbench: str
    python: str
    torch: str
    numpy: str
    platform: str
    device_name: str
    num_threads: int
    tf32: bool
    git_commit: str | None = None
    instruction_set: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One training that was tried, and everything worth knowing of it.

    Attributes:
        outcome: How it ended, judged by the reference criterion (20 %, train or
            test error, last head). A report with another criterion judges anew from
            the stored errors.
        epochs: Completed epochs only; the epoch in which it diverged is not among
            them. The one in which its time was up is: training means over the images
            it had seen of the epoch, test means right then.
        first_nonfinite_step: Index, from 0 over all epochs, of the first step whose
            loss, or penalty, was NaN or infinite; equal to `num_steps` when the last
            update left non-finite weights. None if there was none.
        num_steps: Updates made.
        num_weight_layers: Convolution and linear layers from image to the last head.
        num_classes: Of the data set.
        data_sha256: Of the decoded arrays trained and tested on.
        seconds: Wall time of the trial without loading the data.
        peak_memory_bytes: Of the process on a CPU, of the allocator on a GPU.
        stopped_early: `non-finite loss` of a training that diverged. In records of
            earlier versions, also the name of a rule that stopped it after
            `num_steps` steps.
        message: For a failed measurement, what went wrong; for a training on a GPU,
            why its steps could not be captured, if they were not.
        finished_at: UTC, ISO 8601.
        trace: Loss and gradient along the training, the step of a divergence included;
            empty in records of versions that kept none.
        at_stop: In records of earlier versions, the epoch in which a rule stopped it:
            training means over the images it had seen of the epoch, test means right
            then.
        num_train: Images trained on in an epoch; 0 in records of versions that did not
            say so.
        first_filters: Of a network that begins with a small convolution and ended with
            finite weights.
        profile_start: Of the untrained network; None in records of versions that kept
            none, and of a network that cannot be copied or has not two blocks.
        profile_end: Of the trained network; after a divergence, of the last weights
            whose loss was finite, where they are known: on a CPU.
        ended_by: `max_train_seconds` if that limit of its spec ended it before its last
            step; it is judged all the same. None in a training of full length.
        tests: Those besides the ones after epochs, for `test_every` of its spec.
        step_losses: The batch's cross entropy of every step, in nats, the mean over
            heads, to three significant digits; the step of a divergence included. Empty
            in records of versions that kept none.
        chance: What the best constant answer reaches; None in records of versions that
            did not say so, which took the classes for equally large.
    """

    spec: TrialSpec
    outcome: Outcome
    epochs: tuple[EpochRecord, ...] = ()
    first_nonfinite_step: int | None = None
    num_steps: int = 0
    num_weight_layers: int = 0
    num_parameters: int = 0
    num_classes: int = 0
    data_sha256: str = ""
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    stopped_early: str | None = None
    message: str | None = None
    finished_at: str = ""
    environment: Environment | None = None
    trace: tuple[TracePoint, ...] = ()
    at_stop: EpochRecord | None = None
    num_train: int = 0
    first_filters: FirstFilters | None = None
    profile_start: Profile | None = None
    profile_end: Profile | None = None
    ended_by: str | None = None
    tests: tuple[EvaluationPoint, ...] = ()
    step_losses: tuple[float, ...] = ()
    chance: Chance | None = None

    @property
    def known_chance(self) -> Chance:
        """What the best constant answer reaches; of equal classes if it is not said."""
        return self.chance or Chance.even(self.num_classes)

    @property
    def id(self) -> str:
        """The identity of its spec."""
        return self.spec.id

    @property
    def was_stopped(self) -> bool:
        """Whether a rule of an earlier version ended it; it is no evidence."""
        return self.stopped_early is not None and self.first_nonfinite_step is None
