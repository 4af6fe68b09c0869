"""The store under `kill -9` at any time, and on a disk that fails at any call."""

import errno
import itertools
import os
import random
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from failing_disk import Disk
from places import ROOT

from depthbench.record import Outcome, TrialRecord, to_line
from depthbench.spec import TrialSpec
from depthbench.store import StoreError, open_store, read_records, write_atomic

# Long enough that the kernel copies a line in many steps, and a kill can tear it.
LONG = 400_000

APPEND = """
import sys
from dataclasses import replace
from pathlib import Path
from depthbench.record import from_line
from depthbench.store import open_store
record = from_line(Path(sys.argv[2]).read_text())
with open_store(Path(sys.argv[1])) as store:
    for seed in range(len(store.records), 1000):
        store.append(replace(record, spec=replace(record.spec, seed=seed)))
        print(seed, flush=True)
"""

FILL = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from depthbench.record import from_line
from depthbench.store import StoreError, open_store
record = from_line(Path(sys.argv[2]).read_text())
with open_store(Path(sys.argv[1])) as store:
    for seed in range(6):
        size = Path(sys.argv[1], "trials.jsonl").stat().st_size
        limit = size + 100 if seed in (2, 3) else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            store.append(replace(record, spec=replace(record.spec, seed=seed)))
            print("stored", seed)
        except StoreError as error:
            print("failed", seed, error)
            assert size == Path(sys.argv[1], "trials.jsonl").stat().st_size
"""


def a_record(seed: int, length: int = 0) -> TrialRecord:
    spec = TrialSpec(architecture="elu", depth=3, data="mnist", seed=seed, lr=0.05)
    return TrialRecord(spec=spec, outcome=Outcome.CRASHED, message="x" * length)


def lines_of(*seeds: int) -> bytes:
    return "".join(to_line(a_record(seed)) for seed in seeds).encode()


def seeds_in(folder: Path) -> list[int]:
    """The seeds a reader finds, each record as it was written."""
    records = list(read_records(folder).records.values())
    assert records == [a_record(record.spec.seed) for record in records]
    return [record.spec.seed for record in records]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["at random", "while a line is written"])
def test_kill_at_any_time_loses_nothing_acknowledged(tmp_path: Path, when: str) -> None:
    record = a_record(0, LONG)
    (tmp_path / "record").write_text(to_line(record))
    chance = random.Random(0)
    for number in range(20):
        folder = tmp_path / f"{number // 3}"
        command = [sys.executable, "-c", APPEND, folder, tmp_path / "record"]
        path = folder / "trials.jsonl"
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            acknowledged = child.stdout.readline()
            size = path.stat().st_size
            if when == "at random":
                threading.Event().wait(chance.uniform(0.0, 0.03))
            else:
                while path.stat().st_size == size and child.poll() is None:
                    pass
            child.kill()
            acknowledged += child.stdout.read()
        seeds = [int(seed) for seed in acknowledged.rpartition(b"\n")[0].split()]
        with open_store(folder) as store:
            assert store.num_quarantined == 0
            found = list(store.records.values())
        assert len(found) >= seeds[-1] + 1
        assert found == [
            replace(record, spec=replace(record.spec, seed=seed))
            for seed in range(len(found))
        ]


def test_a_disk_that_fills_up_costs_only_what_it_has_no_room_for(
    tmp_path: Path,
) -> None:
    """The limit on a file's size makes the kernel write short, then refuse."""
    (tmp_path / "record").write_bytes(lines_of(0))
    folder = tmp_path / "store"
    output = subprocess.check_output(
        [sys.executable, "-c", FILL, folder, tmp_path / "record"], cwd=ROOT, text=True
    ).splitlines()
    assert [line[:8] for line in output] == [
        *("stored 0", "stored 1", "failed 2", "failed 3", "stored 4", "stored 5")
    ]
    assert output[2] == (
        f"failed 2 cannot store trial {a_record(2).id} in {folder / 'trials.jsonl'}: "
        "File too large; what was stored before is safe, the same command continues it"
    )
    assert (folder / "trials.jsonl").read_bytes() == lines_of(0, 1, 4, 5)


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("num_failures", [1, 2, 3, 1000])
def test_a_failure_of_any_call_loses_nothing_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int, num_failures: int
) -> None:
    disk = Disk(monkeypatch, error)
    for first in itertools.count(1):
        folder = tmp_path / f"{first}"
        folder.mkdir()
        (folder / "trials.jsonl").write_bytes(lines_of(0) + b"no\n" + lines_of(1)[:-9])
        acknowledged, tried = {0}, set[int]()
        disk.num_calls = 0
        disk.failing = range(first, first + num_failures)
        with suppress(StoreError), open_store(folder) as store:
            for seed in (2, 3, 4):
                tried.add(seed)
                with suppress(StoreError):
                    store.append(a_record(seed))
                    acknowledged.add(seed)
                assert acknowledged == {r.spec.seed for r in store.records.values()}
                assert acknowledged <= set(seeds_in(folder))
        num_calls = disk.num_calls
        disk.failing = range(0)
        assert len(tried - acknowledged) <= num_failures
        with open_store(folder) as store:
            store.append(a_record(5))
        assert acknowledged | {5} <= set(seeds_in(folder)) <= acknowledged | tried | {5}
        assert read_records(folder).num_damaged == 0
        assert not list(folder.glob("*.tmp"))
        assert any(b"no" in path.read_bytes() for path in folder.glob("*.corrupt-*"))
        if num_calls < first:
            break
    assert first > 15
    assert acknowledged == {0, 2, 3, 4}


def test_an_interrupted_append_can_be_followed_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C may raise between any two calls; the driver then stores what ended."""
    real = os.write

    def interrupted(descriptor: int, data: bytes) -> int:
        real(descriptor, data[:99])
        raise KeyboardInterrupt

    with open_store(tmp_path) as store:
        store.append(a_record(0))
        monkeypatch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.append(a_record(1))
        monkeypatch.undo()
        assert seeds_in(tmp_path) == [0]
        store.append(a_record(2))
    assert (tmp_path / "trials.jsonl").read_bytes() == lines_of(0, 2)


@pytest.mark.parametrize("call", [1, 2, 3], ids=["write", "fsync", "replace"])
def test_a_failed_write_atomic_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    path = tmp_path / "report.html"
    write_atomic(path, "old")
    disk = Disk(monkeypatch, errno.ENOSPC)
    disk.failing = range(call, call + 1)
    with pytest.raises(StoreError, match=r"write .*report\.html: No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_stored_is_on_the_disk_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill shows nothing of this: what a dead process wrote, the kernel keeps."""
    disk = Disk(monkeypatch, errno.EIO)
    with open_store(tmp_path / "new") as store:
        assert disk.calls[:2] == ["mkdir", "fsync folder"]
        disk.calls.clear()
        store.append(a_record(0))
        assert disk.calls == ["write", "fsync"]
        disk.calls.clear()
        disk.failing = range(disk.num_calls + 1, disk.num_calls + 2)
        with pytest.raises(StoreError):
            store.append(a_record(1))
        assert disk.calls == ["write", "ftruncate", "fsync"]
        disk.calls = []
        write_atomic(tmp_path / "report.html", "new")
        assert disk.calls == ["write", "fsync", "replace", "fsync folder"]


def test_a_closed_store_stores_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        pass
    with pytest.raises(StoreError, match="Bad file descriptor"):
        store.append(a_record(0))
    assert seeds_in(tmp_path) == []
