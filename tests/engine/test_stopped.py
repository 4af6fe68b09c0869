"""Processes that stand still: a stopped worker, a machine that slept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import nothing, pid_after

from depthbench.engine import LocalProcesses, TaskTimedOutError


def stop_and_answer() -> int:
    os.kill(os.getpid(), signal.SIGSTOP)
    return os.getpid()


@pytest.mark.slow
def test_a_stopped_worker_is_given_up_after_the_timeout_and_replaced() -> None:
    with LocalProcesses(1, prepare=nothing, timeout_seconds=0.5) as executor:
        stopped = executor.submit(stop_and_answer)
        with pytest.raises(TaskTimedOutError, match=r"took longer than 0\.5 s"):
            stopped.result(timeout=60)
        assert executor.submit(pid_after, 0).result(timeout=60) > 0


@pytest.mark.slow
def test_a_stopped_worker_that_goes_on_loses_nothing() -> None:
    with LocalProcesses(1, prepare=nothing) as executor:
        pid = executor.submit(pid_after, 0).result(timeout=60)
        stopped = executor.submit(stop_and_answer)
        while state_of(pid) != "T":
            time.sleep(0.01)
        time.sleep(0.3)
        assert not stopped.done()
        os.kill(pid, signal.SIGCONT)
        assert stopped.result(timeout=60) == pid


def has_mark() -> bool:
    return hasattr(os, "a_mark_of_the_parent")


def test_a_worker_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a new interpreter: a fork would carry a broken state of CUDA along."""
    monkeypatch.setattr(os, "a_mark_of_the_parent", True, raising=False)
    with LocalProcesses(1, prepare=nothing) as executor:
        assert has_mark()
        assert not executor.submit(has_mark).result(timeout=60)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


DRIVE = """
from processes import nothing, pid_after
from depthbench.engine import LocalProcesses
with LocalProcesses(1, prepare=nothing, timeout_seconds=2.5) as executor:
    executor.submit(pid_after, 0).result()
    future = executor.submit(pid_after, 2)
    print("begun", flush=True)
    print(future.result() > 0, flush=True)
"""


@pytest.mark.slow
def test_a_sleep_of_all_processes_is_no_timeout() -> None:
    """As of a laptop that is closed: the clock runs on, and nothing else does."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(4)
    os.killpg(process.pid, signal.SIGCONT)
    out, _ = process.communicate(timeout=60)
    assert out == "True\n"
