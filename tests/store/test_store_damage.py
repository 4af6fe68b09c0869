"""The store with every byte of its file damaged, and with the file cut anywhere."""

import os
from pathlib import Path

import pytest

from depthbench.record import Outcome, TrialRecord, to_line
from depthbench.spec import TrialSpec
from depthbench.store import open_store, read_records


def a_record(seed: int) -> TrialRecord:
    spec = TrialSpec(architecture="elu", depth=3, data="mnist", seed=seed, lr=0.05)
    return TrialRecord(spec=spec, outcome=Outcome.CRASHED, seconds=1.5e-7)


def lines_of(*seeds: int) -> bytes:
    return "".join(to_line(a_record(seed)) for seed in seeds).encode()


def put(path: Path, content: bytes) -> None:
    # Some file systems write a truncated file to the disk at once, which is slow.
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def seeds_in(folder: Path) -> list[int]:
    """The seeds a reader finds, each record as it was written."""
    records = list(read_records(folder).records.values())
    assert records == [a_record(record.spec.seed) for record in records]
    return [record.spec.seed for record in records]


@pytest.fixture
def instant_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: descriptor)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["low bit", "high bit", "newline"])
@pytest.mark.usefixtures("instant_fsync")
def test_any_damaged_byte_costs_its_own_line_at_most(
    tmp_path: Path, damage: str
) -> None:
    content = lines_of(0, 1, 2)
    ends = [len(lines_of(*range(number))) for number in (1, 2, 3)]
    path = tmp_path / "trials.jsonl"
    for position, byte in enumerate(content):
        damaged = bytearray(content)
        values = {"low bit": byte ^ 1, "high bit": byte ^ 128, "newline": 10}
        damaged[position] = values[damage]
        put(path, damaged)
        touched = sum(position >= end for end in ends)
        # Without the newline between them two lines are one.
        lost = {touched, touched + (position + 1 in ends)}
        seeds = seeds_in(tmp_path)
        assert set(seeds) >= {0, 1, 2} - lost
        if position % 19 == 0 or position + 1 in ends:
            num_damaged = read_records(tmp_path).num_damaged
            with open_store(tmp_path) as store:
                assert store.num_quarantined == num_damaged
                store.append(a_record(3))
            assert path.read_bytes() == lines_of(*seeds, 3)
            if store.quarantine is not None:
                kept = store.quarantine.read_bytes().splitlines(keepends=True)
                assert all(line in damaged for line in kept)
                store.quarantine.unlink()


@pytest.mark.slow
@pytest.mark.usefixtures("instant_fsync")
def test_a_file_cut_anywhere_keeps_its_whole_lines_and_grows_on(
    tmp_path: Path,
) -> None:
    content = lines_of(0, 1, 2)
    ends = [len(lines_of(*range(number))) for number in range(4)]
    path = tmp_path / "trials.jsonl"
    for length in range(len(content) + 1):
        put(path, content[:length])
        # A record that lacks nothing but its newline is whole.
        whole = [seed for seed in range(3) if length + 1 >= ends[seed + 1]]
        assert seeds_in(tmp_path) == whole
        assert read_records(tmp_path).num_damaged == 0
        if length % 19 == 0 or {length - 1, length, length + 1} & {*ends}:
            with open_store(tmp_path) as store:
                assert store.num_quarantined == 0
                store.append(a_record(3))
            assert path.read_bytes() == lines_of(*whole, 3)


def test_each_damaged_line_is_quarantined_once(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    for number in (1, 2):
        path.write_bytes(lines_of(0) + b"no\n\n\xff\n" + lines_of(1) + b"\0\0\n")
        with open_store(tmp_path) as store:
            assert store.num_quarantined == 3
            assert store.quarantine == tmp_path / f"trials.jsonl.corrupt-{number}"
            assert store.quarantine.read_bytes() == b"no\n\xff\n\0\0\n"
        with open_store(tmp_path) as store:
            assert store.num_quarantined == 0
            assert store.quarantine is None
        assert path.read_bytes() == lines_of(0, 1)
