"""The store: what is promised, on a disk that works."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import study_cases
from places import FIXTURES, ROOT

from depthbench.record import (
    NewerSchemaError,
    Outcome,
    TrialRecord,
    from_line,
    to_line,
)
from depthbench.spec import TrialSpec
from depthbench.store import (
    StoreDamagedError,
    StoredRecords,
    StoreError,
    StoreLockedError,
    open_store,
    read_records,
    write_atomic,
)

APPEND = """
import sys
from dataclasses import replace
from pathlib import Path
from depthbench.record import from_line
from depthbench.store import open_store
record = from_line(Path(sys.argv[2]).read_text())
with open_store(Path(sys.argv[1])) as store:
    for seed in range(150):
        new = replace(record, spec=replace(record.spec, seed=seed))
        store.append(new)
        print(new.id, flush=True)
"""


def a_record(seed: int = 0, outcome: Outcome = Outcome.TRAINED) -> TrialRecord:
    spec = TrialSpec(architecture="elu", depth=3, data="mnist", seed=seed, lr=0.05)
    record = study_cases.record_of(spec, trained=True)
    return replace(record, outcome=outcome, message="größer\n")


@pytest.mark.parametrize("left", ["nothing", "a study", "a record", "a folder"])
def test_a_new_folder_in_which_nothing_was_begun_is_gone(
    tmp_path: Path, left: str
) -> None:
    """Also those above it; what holds anything, or was there before, stays."""
    folder = tmp_path / "results" / "study"
    if left == "a folder":
        folder.mkdir(parents=True)
    with pytest.raises(LookupError), open_store(folder) as store:
        if left == "a study":
            write_atomic(folder / "study.toml", "name = 'x'\n")
        if left == "a record":
            store.append(a_record())
        raise LookupError
    assert folder.exists() == (left != "nothing")
    assert (tmp_path / "results").exists() == (left != "nothing")
    if left == "a record":
        assert stored(folder) == [a_record()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stored(folder: Path) -> list[TrialRecord]:
    found = read_records(folder)
    assert found.num_damaged == 0
    return list(found.records.values())


def test_records_come_back_as_they_were_stored(tmp_path: Path) -> None:
    records = [a_record(seed) for seed in range(5)]
    with open_store(tmp_path) as store:
        for record in records:
            store.append(record)
        assert list(store.records.values()) == records
        assert stored(tmp_path) == records
    with open_store(tmp_path) as store:
        assert store.num_quarantined == 0
        assert store.quarantine is None
        assert store.records == {record.id: record for record in records}
    lines = (tmp_path / "trials.jsonl").read_text()
    assert lines == "".join(map(to_line, records))


def test_a_later_record_of_a_trial_replaces_the_earlier_in_its_place(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path) as store:
        store.append(a_record(0, Outcome.OUT_OF_MEMORY))
        store.append(a_record(1))
        store.append(a_record(0, Outcome.STUCK))
        now = list(store.records.values())
    assert now == [a_record(0, Outcome.STUCK), a_record(1)]
    assert stored(tmp_path) == now


def test_the_folder_keeps_nothing_of_the_machine_after_closing(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append(a_record())
    assert names(tmp_path) == [".lock", "trials.jsonl"]
    assert (tmp_path / ".lock").read_bytes() == b""


@pytest.mark.parametrize(
    "name", ["a b", "größe-深", "two\nlines", "[x]*", "deep/er/still", "-rf"]
)
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    with open_store(folder) as store:
        store.append(a_record())
        with pytest.raises(StoreLockedError) as caught, open_store(folder):
            pass
    assert "\n" not in str(caught.value)
    assert stored(folder) == [a_record()]


def test_a_reader_of_a_folder_without_records(tmp_path: Path) -> None:
    assert read_records(tmp_path) == StoredRecords({}, 0)
    with pytest.raises(StoreError, match="missing: No such file"):
        read_records(tmp_path / "missing")


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_a_file_in_the_way_is_named(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(StoreError) as caught, open_store(file / below):
        pass
    assert str(caught.value) == (
        f"cannot write results to {file / below}: {file} is a file"
    )
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["trials_v1.jsonl", "trials_v1_kernels.jsonl", "trials_v1_stopped.jsonl"]
)
def test_records_of_this_schema_load_forever(tmp_path: Path, name: str) -> None:
    """The files are frozen, one for each field that was added since the first."""
    content = (FIXTURES / name).read_bytes()
    (tmp_path / "trials.jsonl").write_bytes(content)
    with open_store(tmp_path) as store:
        assert store.num_quarantined == 0
        records = list(store.records.values())
    # A trial is `unsettled` under a criterion, and never stored so.
    assert {record.outcome for record in records} == set(Outcome) - {Outcome.UNSETTLED}
    ids = [json.loads(line)["id"] for line in content.splitlines()]
    assert [record.id for record in records] == ids
    assert (tmp_path / "trials.jsonl").read_bytes() == content
    written = [to_line(record) for record in records]
    assert [to_line(from_line(line)) for line in written] == written
    if name == "trials_v1_stopped.jsonl":  # the newest
        assert "".join(written).encode() == content


def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    newer = (FIXTURES / "trials_v2.jsonl").read_bytes()
    content = b"damaged\n" + newer + b"torn"
    (tmp_path / "trials.jsonl").write_bytes(content)
    for _ in range(2):
        with (
            pytest.raises(NewerSchemaError, match=r"trials\.jsonl: schema 2.*upgrade"),
            open_store(tmp_path),
        ):
            pass
        with pytest.raises(NewerSchemaError):
            read_records(tmp_path)
    assert (tmp_path / "trials.jsonl").read_bytes() == content
    assert names(tmp_path) == [".lock", "trials.jsonl"]


@pytest.mark.slow
def test_a_reader_sees_whole_records_only_while_a_writer_is_at_work(
    tmp_path: Path,
) -> None:
    (tmp_path / "one").write_text(to_line(a_record()))
    command = [sys.executable, "-c", APPEND, tmp_path / "store", tmp_path / "one"]
    num_reads = 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for num_stored, _ in enumerate(writer.stdout, start=1):
            seen = stored(tmp_path / "store")
            assert len(seen) >= num_stored
            assert seen == [a_record(seed) for seed in range(len(seen))]
            num_reads += 1
    assert num_reads == 150
    assert writer.returncode == 0


@pytest.mark.parametrize("how", ["replaced", "removed", "extended", "cut"])
def test_a_file_that_another_program_changes_is_noticed(
    tmp_path: Path, how: str
) -> None:
    """What is appended to a replaced file is lost, and the kernel says nothing."""
    path = tmp_path / "trials.jsonl"
    with open_store(tmp_path) as store:
        store.append(a_record(0))
        content = path.read_bytes()
        if how == "removed":
            path.unlink()
        elif how == "replaced":
            write_atomic(path, content)
        else:
            path.write_bytes(content * 2 if how == "extended" else content[:-9])
        with pytest.raises(StoreDamagedError, match="changed by another program"):
            store.append(a_record(1))
    with open_store(tmp_path) as store:
        store.append(a_record(1))
    assert a_record(1) in stored(tmp_path)


def test_write_atomic_leaves_the_new_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_atomic(path, "größer\n")
    assert path.read_bytes() == "größer\n".encode()
    write_atomic(path, b"\x00\r\n")
    assert path.read_bytes() == b"\x00\r\n"
    assert names(tmp_path) == ["report.html"]
    plain = tmp_path / "plain"
    plain.write_text("")
    assert path.stat().st_mode == plain.stat().st_mode
