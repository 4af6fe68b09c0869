"""Records to and from one line of JSON."""

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from depthbench.record.chance import Chance
from depthbench.record.profile import Profile
from depthbench.record.trial_record import (
    Environment,
    EpochRecord,
    EvaluationPoint,
    FirstFilters,
    Outcome,
    TracePoint,
    TrialRecord,
)
from depthbench.spec import TrialSpec
from depthbench.spec.protocol import PROTOCOL_FIELDS
from depthbench.spec.trial import FIRST_SEEDING

SCHEMA_VERSION = 1

# Fields that the first records did not have, as they are when they are empty.
_LATER_FIELDS = {
    "trace": (),
    "at_stop": None,
    "num_train": 0,
    "first_filters": None,
    "profile_start": None,
    "profile_end": None,
    "ended_by": None,
    "tests": (),
    "step_losses": (),
    "chance": None,
}

_PROFILES = ("profile_start", "profile_end")

# Fields of a spec that the first records did not have.
_LATER_SPEC_FIELDS = ("stop_rules", *PROTOCOL_FIELDS)

# Fields of an epoch that are left out where they were not measured.
_OPTIONAL_EPOCH_FIELDS = (
    "test_loss",
    "test_error",
    "validation_loss",
    "validation_error",
    "train_loss_after",
    "train_error_after",
)


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
    if record.spec.seeding == FIRST_SEEDING:
        del values["spec"]["seeding"]
    at_stop = values["at_stop"]
    for epoch in (*values["epochs"], *([at_stop] if at_stop else [])):
        for name in _OPTIONAL_EPOCH_FIELDS:
            if epoch[name] is None:
                del epoch[name]
    return {
        key: value
        for key, value in values.items()
        if key not in _LATER_FIELDS or value != _LATER_FIELDS[key]
    }


def _record(body: dict[str, Any]) -> TrialRecord:
    body.pop("id")
    environment = body.pop("environment")
    at_stop = body.pop("at_stop", None)
    filters = body.pop("first_filters", None)
    chance = body.pop("chance", None)
    profiles = [_profile(body.pop(name, None)) for name in _PROFILES]
    spec = body.pop("spec")
    for name in ("stop_rules", "lr_milestones"):
        spec[name] = tuple(spec.get(name, ()))
    spec.setdefault("seeding", FIRST_SEEDING)
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
        tests=tuple(
            EvaluationPoint(num_steps, _floats(loss) or (), _floats(error) or ())
            for num_steps, loss, error in body.pop("tests", ())
        ),
        step_losses=_floats(body.pop("step_losses", ())),
        chance=None if chance is None else Chance(*chance),
        at_stop=None if at_stop is None else _epoch(at_stop),
        first_filters=None if filters is None else _filters(filters),
        profile_start=profiles[0],
        profile_end=profiles[1],
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


def _profile(stored: Mapping[str, Any] | None) -> Profile | None:
    if stored is None:
        return None
    floats = ("deviation", "gradient", "correlation")
    return Profile(
        num_layers=tuple(stored["num_layers"]),
        **{name: _floats(stored[name]) for name in floats},
    )


def _filters(stored: Mapping[str, Any]) -> FirstFilters:
    filters, channels, height, width = stored["shape"]
    return FirstFilters(
        (filters, channels, height, width), float(stored["largest"]), stored["levels"]
    )


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
