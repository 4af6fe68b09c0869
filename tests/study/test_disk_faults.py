"""A whole small study on a disk that fails at any call, and what is left of it."""

import errno
import itertools
import os
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from failing_disk import Disk
from study_cases import record_of

from depthbench.engine import Engine, OpenEngine
from depthbench.store import StoreError, read_records, write_atomic
from depthbench.study import run as study_run
from depthbench.study.prepare import prepare


@contextmanager
def inline(*_, **__):
    """An engine that trains at once: networks up to k = 6 train."""

    def submit(spec):
        future = Future()
        future.set_result(record_of(spec, spec.depth <= 6))
        return future

    def no_forecast(cell):
        future = Future()
        future.set_exception(NotImplementedError("of a made-up network"))
        return future

    yield OpenEngine(Engine(submit, 2), {}, 2, no_forecast, "memory")


def short_report(folder, found):
    (folder / "figures").mkdir(exist_ok=True)
    write_atomic(folder / "depths.csv", f"{len(found.records)}\n")


@pytest.fixture
def carry_out(monkeypatch):
    monkeypatch.setattr(study_run, "open_engine", inline)
    monkeypatch.setattr(study_run, "write_report", short_report)
    monkeypatch.setattr("depthbench.study.drive._POLL_SECONDS", 0)

    def carry_out(folder: Path):
        run = prepare("elu", out=folder, seeds=1, device="cpu", kernels="reference")
        return study_run.carry_out(run, progress=False)

    return carry_out


@pytest.mark.slow
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_a_study_survives_the_failure_of_any_call(
    carry_out, tmp_path, monkeypatch, error
):
    """Every call that changes the disk fails once; the same command then ends it."""
    whole = {r.id for r in carry_out(tmp_path / "whole").found.records}
    assert len(whole) > 3
    disk = Disk(monkeypatch, error)
    for failing in itertools.count(1):
        folder = tmp_path / f"{failing}"
        disk.num_calls, disk.failing = 0, range(failing, failing + 1)
        stored: set[str] = set()
        with suppress(StoreError, OSError):
            carry_out(folder)
        num_calls, disk.failing = disk.num_calls, range(0)
        if folder.exists():
            found = read_records(folder)
            assert found.num_damaged == 0
            stored = set(found.records)
        again = carry_out(folder)
        assert again.unwritten is None
        assert stored <= {r.id for r in again.found.records} == whole
        assert (folder / "depths.csv").read_text() == f"{len(whole)}\n"
        assert not list(folder.glob("*.tmp"))
        if num_calls < failing:
            break
    assert failing > 20


def test_an_answer_outlives_a_report_that_cannot_be_written(
    carry_out, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(study_run, "write_report", full)
    result = carry_out(tmp_path / "my study")
    assert result.cells[0].trains == 6
    assert "No space left" in result.unwritten
    assert f"`depthbench report '{tmp_path}/my study'` writes it" in result.unwritten


def test_new_trials_are_reported_whatever_the_dates_of_files(
    carry_out, tmp_path, monkeypatch
):
    """After a clock was set back, the old page is younger than what it lacks."""
    monkeypatch.setattr(study_run, "is_up_to_date", lambda folder: True)
    carry_out(tmp_path / "r")
    depths = tmp_path / "r" / "depths.csv"
    depths.unlink()
    carry_out(tmp_path / "r")
    assert not depths.exists()
    lines = (tmp_path / "r" / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "r" / "trials.jsonl").write_bytes(b"".join(lines[:-1]))
    carry_out(tmp_path / "r")
    assert depths.exists()
