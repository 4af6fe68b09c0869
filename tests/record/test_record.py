"""Records to and from one line of JSON."""

import json
import math
import string
import zlib
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthbench.record import (
    Chance,
    Environment,
    EpochRecord,
    EvaluationPoint,
    FirstFilters,
    NewerSchemaError,
    Outcome,
    Profile,
    RecordError,
    TracePoint,
    TrialRecord,
    from_line,
    to_line,
)
from depthbench.spec import TrialSpec

SPEC = TrialSpec(architecture="elu", depth=3, data="mnist", seed=0, lr=0.05)
EPOCH = EpochRecord(
    train_loss=(math.nan, 2.5),
    train_error=(0.5, 1e-5),
    test_loss=(math.inf, -math.inf),
    test_error=(0.902, 0.1),
    test_error_batch_stats=(0.1, math.nan),
    seconds=1.5,
)
ENVIRONMENT = Environment(
    depthbench="0.1.0",
    python="3.11",
    torch="2.11",
    numpy="2.3",
    platform="Linux",
    device_name="größer",
    num_threads=1,
    tf32=False,
    git_commit=None,
)
PROFILE = Profile(
    num_layers=(1, 3),
    deviation=(0.5, 0.25),
    gradient=(0.75, math.inf),
    correlation=(0.125, 0.75),
)
RECORD = TrialRecord(
    spec=SPEC,
    outcome=Outcome.DIVERGED,
    epochs=(EPOCH, replace(EPOCH, test_error_batch_stats=None)),
    first_nonfinite_step=17,
    num_steps=30,
    num_weight_layers=4,
    num_parameters=1926,
    num_classes=10,
    data_sha256="0f" * 32,
    seconds=4.75,
    peak_memory_bytes=2**40,
    stopped_early="chance",
    message='line\n"quoted" \\ ',
    finished_at="2026-01-02T03:04:05Z",
    environment=ENVIRONMENT,
    trace=(TracePoint(25, 2.3031, 0.0125), TracePoint(30, math.nan, math.inf)),
    at_stop=replace(EPOCH, seconds=0.25),
    num_train=49_000,
    first_filters=FirstFilters((1, 1, 1, 2), 0.25, "f4E="),
    profile_start=PROFILE,
    profile_end=replace(PROFILE, gradient=(0.25, 0.125)),
    ended_by="max_train_seconds",
    tests=(EvaluationPoint(50, (2.0, 1.5), (0.5, 0.25)),),
    step_losses=(2.3, math.nan, math.inf, 1.2e9),
    chance=Chance(2.25, 0.75, 0.5, None),
)

texts = st.text(st.characters(codec=None), max_size=20)
numbers = st.floats(allow_nan=True, allow_infinity=True)
counts = st.integers(0, 2**63)
heads = st.lists(numbers, min_size=1, max_size=3).map(tuple)
epochs = st.builds(
    EpochRecord,
    train_loss=heads,
    train_error=heads,
    test_loss=heads,
    test_error=heads,
    test_error_batch_stats=st.none() | heads,
    seconds=numbers,
)
environments = st.builds(
    Environment,
    **{name: texts for name in ("depthbench", "python", "torch", "numpy", "platform")},
    device_name=texts,
    num_threads=counts,
    tf32=st.booleans(),
    git_commit=st.none() | texts,
)
specs = st.builds(
    TrialSpec,
    architecture=texts,
    depth=counts,
    data=texts,
    seed=counts,
    lr=st.floats(0, 10),
    initializer=st.none() | texts,
    momentum=st.floats(0, 1),
    plugin_sha256=st.none() | texts,
    stop_rules=st.lists(texts, max_size=2).map(tuple),
)
records = st.builds(
    TrialRecord,
    spec=specs,
    outcome=st.sampled_from(Outcome),
    epochs=st.lists(epochs, max_size=3).map(tuple),
    first_nonfinite_step=st.none() | counts,
    num_steps=counts,
    num_classes=counts,
    data_sha256=texts,
    seconds=numbers,
    peak_memory_bytes=counts,
    stopped_early=st.none() | texts,
    message=st.none() | texts,
    environment=st.none() | environments,
    trace=st.lists(st.builds(TracePoint, counts, numbers, numbers), max_size=3).map(
        tuple
    ),
    at_stop=st.none() | epochs,
    ended_by=st.none() | texts,
)


def refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def same(one: Any, other: Any) -> bool:
    """Equality that holds between NaN and NaN, and tells 1 from 1.0 and from True."""
    return repr(one) == repr(other)


@pytest.mark.slow
@settings(deadline=None)
@given(records)
def test_any_record_comes_back_from_one_line_of_strict_json(
    record: TrialRecord,
) -> None:
    line = to_line(record)
    assert line.isascii()
    assert line.splitlines() == [line[:-1]]
    body = json.loads(line, parse_constant=refuse)
    assert body["id"] == record.id
    back = from_line(line)
    assert same(back, record)
    assert back.id == record.id
    assert to_line(back) == line


def test_every_outcome_comes_back() -> None:
    for outcome in Outcome:
        assert from_line(to_line(replace(RECORD, outcome=outcome))).outcome is outcome


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e-323, 1e308])
def test_every_number_comes_back(value: float) -> None:
    epoch = replace(EPOCH, train_loss=(value,), test_error=(value, 1.0), seconds=value)
    record = replace(RECORD, epochs=(epoch,), seconds=value)
    assert same(from_line(to_line(record)), record)


def test_only_measured_trainings_are_evidence() -> None:
    assert {outcome for outcome in Outcome if not outcome.is_evidence} == {
        Outcome.OUT_OF_MEMORY,
        Outcome.TIMED_OUT,
        Outcome.CRASHED,
        Outcome.UNSETTLED,
    }


def test_every_field_comes_back() -> None:
    back = from_line(to_line(RECORD))
    for field in fields(TrialRecord):
        value = getattr(RECORD, field.name)
        assert value not in (field.default, None)
        assert same(getattr(back, field.name), value), field.name


@pytest.mark.slow
def test_a_changed_character_never_makes_another_record() -> None:
    """Refused, or without effect, as `1e-05` written `1E-05` is."""
    line = to_line(RECORD)
    alphabet = [*string.printable, "\0", "é"]
    num_harmless = 0
    for place in range(len(line) - 1):
        for character in alphabet[place % 3 :: 3]:
            if character != line[place]:
                changed = line[:place] + character + line[place + 1 :]
                try:
                    assert same(from_line(changed), RECORD), changed
                    num_harmless += 1
                except RecordError:
                    pass
    assert num_harmless < 5


@pytest.mark.slow
def test_a_lost_or_doubled_character_never_makes_another_record() -> None:
    line = to_line(RECORD)
    for place in range(1, len(line) - 1):
        for on in (place + 1, place - 1):
            with suppress(RecordError):
                assert same(from_line(line[:place] + line[on:]), RECORD), place


def test_a_cut_line_is_refused() -> None:
    line = to_line(RECORD)
    for length in range(len(line) - 1):
        with pytest.raises(RecordError):
            from_line(line[:length])


@pytest.mark.parametrize(
    "line",
    [
        *("", " ", "null", "1", "[]", '"crc32"', "{}", '{"crc32":1}', "nan", "\0"),
        '{"schema":2,"crc32":"00000000"}',
        '["crc32","schema"]',
        "[" * 100_000,
        '{"crc32":1' + 5000 * "0" + "}",
    ],
)
def test_what_was_never_a_record_is_refused(line: str) -> None:
    with pytest.raises(RecordError):
        from_line(line)


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.text()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        from_line(text)


def resealed(**changes: object) -> str:
    """A line with a valid checksum that this version would not have written."""
    body = json.loads(to_line(RECORD)) | changes
    del body["crc32"]
    text = json.dumps(body, separators=(",", ":"))
    crc = zlib.crc32(text.encode())
    return text[:-1] + f',"crc32":"{crc:08x}"}}\n'


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 2}, "schema 2, this version reads 1; upgrade depthbench"),
        ({"schema": 2, "spec": 3}, "schema 2, this version reads 1"),
        ({"outcome": "bored"}, "'bored' is not a valid Outcome; upgrade depthbench"),
        ({"num_neurons": 3}, "num_neurons"),
        ({"spec": SPEC.to_dict() | {"cutout": 8}}, "cutout"),
        ({"epochs": [{}]}, "seconds.*upgrade depthbench"),
    ],
)
def test_an_intact_line_of_a_newer_version_is_no_damage(
    changes: dict[str, object], message: str
) -> None:
    assert same(from_line(resealed(num_steps=31)), replace(RECORD, num_steps=31))
    with pytest.raises(NewerSchemaError, match=message):
        from_line(resealed(**changes))
