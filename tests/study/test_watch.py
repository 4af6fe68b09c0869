"""`depthbench watch`: what another process trains, from its records alone."""

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace

import pytest
from builders import under
from study_cases import STUDY, cell, record_of

from depthbench.record import to_line
from depthbench.search import plan_cell
from depthbench.spec import UsageError, write_study
from depthbench.store import is_being_written
from depthbench.study.watch import num_at_once, watch

OURS = under(replace(STUDY, arch=("a",)), cell("a"))


def records(number):
    """The first records of a bisection of a network that trains up to 12."""
    found = []
    while len(found) < number and (wanted := plan_cell(OURS, found).wanted):
        for spec in wanted:
            minute = len(found) // 2
            ended = f"2026-01-01T00:{minute:02}:00+00:00"
            record = record_of(spec, spec.depth <= 12)
            found.append(replace(record, seconds=60.0, finished_at=ended))
    return found[:number]


class Run:
    """A results folder, and a run that stores a record in every pause of a watcher."""

    def __init__(self, folder, num_stored, *, pid=None):
        self.folder, self.num_stored, self.left = folder, num_stored, records(999)
        (folder / "study.toml").write_text(write_study(STUDY, [OURS]))
        self.writer = folder / ".writer.json"
        holder = {"pid": pid or os.getpid(), "host": platform.node()}
        self.writer.write_text(json.dumps(holder))
        for _ in range(num_stored):
            self.store()

    def store(self, _seconds=0.0):
        with (self.folder / "trials.jsonl").open("a") as file:
            file.write(to_line(self.left.pop(0)))
        if not self.left:
            self.writer.unlink()


def test_it_shows_each_record_and_ends_with_the_run(tmp_path, capsys):
    run = Run(tmp_path, 2)
    num_left = len(run.left)
    assert watch(tmp_path, wait=run.store)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 + num_left
    assert "standard trains 3 | about " in lines[1]
    assert lines[-1].endswith("trains 12, fails 15 | done")


def test_it_writes_nothing(tmp_path):
    run = Run(tmp_path, 3)
    run.writer.unlink()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert not watch(tmp_path, wait=pytest.fail)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_that_was_killed_is_not_waited_for(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    Run(tmp_path, 3, pid=gone.pid)
    assert not is_being_written(tmp_path)
    assert not watch(tmp_path, wait=pytest.fail)


def test_a_run_on_another_machine_is_believed(tmp_path):
    run = Run(tmp_path, 3)
    run.writer.write_text(json.dumps({"pid": 1, "host": "elsewhere"}))
    assert is_being_written(tmp_path)


def test_a_folder_without_a_study_is_a_mistake(call, tmp_path):
    with pytest.raises(UsageError, match="no results folder"):
        watch(tmp_path, wait=pytest.fail)
    assert call("watch", str(tmp_path))[0] == 2


def test_the_command_says_how_the_run_ended(call, tmp_path):
    run = Run(tmp_path, 3)
    run.writer.unlink()
    code, out, err = call("watch", str(tmp_path))
    assert (code, out) == (1, "")
    assert err.endswith("the command that began it continues it\n")
    while run.left[1:]:
        run.store()
    run.writer.touch()
    run.store()
    assert call("watch", str(tmp_path))[0] == 0


def test_two_workers_are_known_by_their_seconds():
    assert num_at_once(records(10)) == 2
    assert num_at_once(records(1)) == num_at_once([]) == 1
