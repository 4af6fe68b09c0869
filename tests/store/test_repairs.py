"""What opening a store found wrong is said; what cannot be judged costs no report."""

from dataclasses import replace
from pathlib import Path

import pytest

from depthbench.record import EpochRecord, Outcome, TrialRecord, sound, to_line
from depthbench.spec import TrialSpec
from depthbench.store import open_store, read_records

SPEC = TrialSpec(architecture="elu", depth=3, data="mnist", seed=0, lr=0.05, epochs=1)
EPOCH = EpochRecord(
    train_loss=(1.0, 0.5),
    train_error=(0.5, 0.1),
    test_loss=(1.0, 0.5),
    test_error=(0.5, 0.1),
    seconds=1.0,
)
RECORD = TrialRecord(
    spec=SPEC, outcome=Outcome.TRAINED, epochs=(EPOCH,), num_classes=10
)
LINE = to_line(RECORD).encode()


def put(folder: Path, content: bytes) -> Path:
    (folder / "trials.jsonl").write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (LINE, []),
        (b"", []),
        (LINE + LINE[:-7], ["ended in the midst of a record"]),
        (LINE + bytes(4096), ["ended in 4096 zero bytes, as a power failure"]),
        (b"no\n" + LINE, ["1 damaged record moved to "]),
        (b"no\n" + LINE + b"{", ["1 damaged record moved to ", "1 byte cut off, the"]),
    ],
)
def test_a_repair_is_said_once(tmp_path: Path, content: bytes, told: list[str]) -> None:
    with open_store(put(tmp_path, content)) as store:
        assert len(store.repairs) == len(told)
        assert all(
            words in says for words, says in zip(told, store.repairs, strict=True)
        )
    with open_store(tmp_path) as store:
        assert store.repairs == ()


@pytest.mark.parametrize("content", [b"", None])
def test_a_file_that_was_emptied_is_noticed(
    tmp_path: Path, content: bytes | None
) -> None:
    (tmp_path / "trials.csv").write_text("id\n1\n2\n")
    if content is not None:
        put(tmp_path, content)
    with open_store(tmp_path) as store:
        (says,) = store.repairs
    assert "holds no record, though trials.csv lists 2 trials" in says
    assert "put it back" in says


MISFITS = {
    "1 and 2 heads": replace(RECORD, epochs=(replace(EPOCH, test_error=(0.1,)),)),
    "0 and 2 heads": replace(RECORD, epochs=(replace(EPOCH, train_loss=()),)),
    "no epoch": replace(RECORD, epochs=()),
    "2 epochs of 1": replace(RECORD, epochs=(EPOCH, EPOCH)),
    "num_classes = 0": replace(RECORD, num_classes=0),
}


@pytest.mark.parametrize("reason", MISFITS)
def test_numbers_that_do_not_fit_together_are_no_evidence(
    tmp_path: Path, reason: str
) -> None:
    other = replace(RECORD, spec=replace(SPEC, seed=1))
    lines = [to_line(each).encode() for each in (MISFITS[reason], other)]
    found = read_records(put(tmp_path, b"".join(lines))).records
    assert list(found.values())[1] == other
    read = found[RECORD.id]
    assert read.outcome is Outcome.CRASHED
    assert read.message == f"the stored numbers do not fit together: {reason}"


def test_a_sound_record_stays_as_it_is() -> None:
    for record in (
        RECORD,
        replace(RECORD, outcome=Outcome.DIVERGED, epochs=(), first_nonfinite_step=3),
        TrialRecord(spec=SPEC, outcome=Outcome.OUT_OF_MEMORY),
    ):
        assert sound(record) is record
