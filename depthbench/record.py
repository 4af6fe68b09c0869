"""What happened: frozen records, to and from one line of JSON. Imports no torch."""

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple

from depthbench.spec import TrialSpec
from depthbench.spec.protocol import PROTOCOL_FIELDS

SCHEMA_VERSION = 1

# Fields of a spec that the first records did not have.
_LATER_SPEC_FIELDS = ("stop_rules", *PROTOCOL_FIELDS)

# Steps that a point of a trace sums up.
TRACE_STEPS = 25


class Outcome(StrEnum):
    """How a trial ended. The last four say nothing about the architecture.

    `unsettled` is a trial that a rule ended early, judged by a criterion for which the
    rule concludes nothing.
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
        train_loss: Mean over the epoch's training images, measured as they were
            trained on, so it lags behind the weights at the epoch's end.
        train_error: The same, of the error.
        test_loss: On the test set after the epoch, in evaluation mode.
        test_error: The same, of the error. A head whose logits are all NaN is
            counted as answering class 0, as `argmax` does.
        test_error_batch_stats: Test error with BatchNorm using each batch's own
            statistics; None for a network without BatchNorm.
        seconds: Wall time of the epoch with its evaluation.
    """

    train_loss: tuple[float, ...]
    train_error: tuple[float, ...]
    test_loss: tuple[float, ...]
    test_error: tuple[float, ...]
    test_error_batch_stats: tuple[float, ...] | None = None
    seconds: float


class TracePoint(NamedTuple):
    """Up to `TRACE_STEPS` steps of one epoch, to five significant digits.

    Attributes:
        num_steps: Steps of the training up to the end of these.
        loss: Mean over these steps of the batch's loss, in nats, the mean over heads.
        gradient_norm: Mean over these steps of the Euclidean norm of the gradient of
            all parameters, before momentum and weight decay.
    """

    num_steps: int
    loss: float
    gradient_norm: float


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
        epochs: Completed epochs only; the epoch in which it diverged or was stopped
            is not among them.
        first_nonfinite_step: Index, from 0 over all epochs, of the first step whose
            loss was NaN or infinite; equal to `num_steps` when the last update left
            non-finite weights. None if there was none.
        num_steps: Updates made.
        num_weight_layers: Convolution and linear layers from image to the last head.
        num_classes: Of the data set; chance is an error of 1 - 1/num_classes.
        data_sha256: Of the decoded arrays trained and tested on.
        seconds: Wall time of the trial without loading the data. Trials that were
            trained at once, as replicas, took their shares of the time of all; so did
            their epochs.
        peak_memory_bytes: Of the process on a CPU, of the allocator on a GPU; of all
            replicas together.
        stopped_early: Name of the rule that ended it after `num_steps` steps, before
            its last one, if a rule did.
        message: For a failed measurement, what went wrong; for a training on a GPU,
            why its steps could not be captured, if they were not.
        finished_at: UTC, ISO 8601.
        trace: Loss and gradient along the training, the step of a divergence included;
            empty in records of versions that kept none.
        at_stop: The epoch in which a rule stopped it: training means over the images
            it had seen of the epoch, test means right then. The outcome does not rest
            on it, but on the rule.
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

    @property
    def id(self) -> str:
        """The identity of its spec."""
        return self.spec.id

    @property
    def was_stopped(self) -> bool:
        """Whether a rule ended it that might be wrong; a divergence is certain."""
        return self.stopped_early is not None and self.first_nonfinite_step is None


class RecordError(ValueError):
    """A line that is no intact record."""


class NewerSchemaError(ValueError):
    """An intact record that this version cannot read; a newer depthbench wrote it."""


def to_line(record: TrialRecord) -> str:
    """One line of strict JSON, ending in a newline, with a checksum as last key.

    NaN and infinities, which JSON lacks, become the strings "NaN", "Infinity" and
    "-Infinity".
    """
    body = {"schema": SCHEMA_VERSION, "id": record.id} | _to_json(_said(record))
    return json.dumps(body | {"crc32": _checksum(body)}, separators=(",", ":")) + "\n"


def from_line(line: str) -> TrialRecord:
    """The record that `to_line` wrote.

    Raises:
        RecordError: If the line is torn or changed.
        NewerSchemaError: If it is intact, but a newer version wrote it.
    """
    try:
        body = json.loads(line)
        stated = body.pop("crc32")
        version = body.pop("schema")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise RecordError(f"not a record: {error}") from error
    if stated != _checksum({"schema": version} | body):
        raise RecordError("checksum does not match")
    if version != SCHEMA_VERSION:
        raise NewerSchemaError(
            f"schema {version}, this version reads {SCHEMA_VERSION}; upgrade depthbench"
        )
    try:
        return _record(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # The checksum holds, so this is no damage but a field this version lacks.
        raise NewerSchemaError(
            f"intact, but not understood: {error}; upgrade depthbench"
        ) from error


def _said(record: TrialRecord) -> dict[str, Any]:
    """Every field, but of those that later versions added only what is not empty."""
    values = asdict(record)
    said = record.spec.non_defaults()
    for name in _LATER_SPEC_FIELDS:
        if name not in said:
            del values["spec"][name]
    empty = {"trace": (), "at_stop": None}
    return {key: v for key, v in values.items() if key not in empty or v != empty[key]}


def _record(body: dict[str, Any]) -> TrialRecord:
    body.pop("id")
    environment = body.pop("environment")
    at_stop = body.pop("at_stop", None)
    spec = body.pop("spec")
    for name in ("stop_rules", "lr_milestones"):
        spec[name] = tuple(spec.get(name, ()))
    return TrialRecord(
        spec=TrialSpec(**spec),
        outcome=Outcome(body.pop("outcome")),
        epochs=tuple(_epoch(epoch) for epoch in body.pop("epochs")),
        seconds=float(body.pop("seconds")),
        environment=Environment(**environment) if environment else None,
        trace=tuple(
            TracePoint(num_steps, float(loss), float(norm))
            for num_steps, loss, norm in body.pop("trace", ())
        ),
        at_stop=None if at_stop is None else _epoch(at_stop),
        **body,
    )


def _checksum(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"


def _epoch(stored: Mapping[str, Any]) -> EpochRecord:
    values = {
        field.name: _floats(stored.get(field.name))
        for field in fields(EpochRecord)
        if field.name != "seconds"
    }
    return EpochRecord(seconds=float(stored["seconds"]), **values)


def _floats(values: list[float | str] | None) -> Any:
    return None if values is None else tuple(float(value) for value in values)


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value
