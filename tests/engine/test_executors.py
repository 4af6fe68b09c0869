"""Worker processes: what dies, what is tried again, what is left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest
from places import TESTS
from processes import are_gone, die, fail, give_up, is_alive, nothing, pid_after

from depthbench import runtime
from depthbench.engine import (
    LocalProcesses,
    TaskTimedOutError,
    WorkerDiedError,
    WorkerStartError,
    child,
)


@pytest.fixture
def workers():
    with LocalProcesses(2, prepare=nothing) as executor:
        yield executor
        executor.shutdown(cancel_futures=True)


def mark(path: Path):
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")


def die_until_marked(marker: Path):
    """Kill the own process the first time, answer the second."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "answered"


def give_up_for_a_lambda():
    raise runtime.ProcessUnusableError("not here", (lambda: 1, ()))


def print_and_answer():
    print("from a user's module")
    return 3


@pytest.mark.slow
def test_tasks_run_beside_each_other_in_other_processes(workers):
    pids = [workers.submit(pid_after, 1.0) for _ in range(2)]
    found = {future.result(timeout=60) for future in pids}
    assert len(found) == 2
    assert os.getpid() not in found


@pytest.mark.slow
def test_each_process_is_prepared_once(tmp_path):
    path = tmp_path / "prepared"
    with LocalProcesses(1, prepare=partial(mark, path)) as executor:
        pids = {executor.submit(pid_after, 0).result(timeout=60) for _ in range(3)}
        executor.shutdown(cancel_futures=True)
    assert path.read_text().split() == [str(pid) for pid in pids]


@pytest.mark.slow
def test_an_exception_reaches_the_caller_and_the_worker_lives_on(workers):
    with pytest.raises(ValueError, match="a bad value"):
        workers.submit(fail).result(timeout=60)
    assert workers.submit(pid_after, 0).result(timeout=60) > 0


@pytest.mark.slow
def test_a_task_whose_worker_was_killed_is_tried_once_more(workers, tmp_path):
    future = workers.submit(die_until_marked, tmp_path / "marker")
    assert future.result(timeout=60) == "answered"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_task_that_kills_twice_fails_and_harms_no_other(workers, number):
    doomed = workers.submit(die, number)
    other = workers.submit(pid_after, 0.5)
    with pytest.raises(WorkerDiedError, match=f"killed by {number.name}, twice"):
        doomed.result(timeout=60)
    assert other.result(timeout=60) > 0
    assert workers.submit(pid_after, 0).result(timeout=60) > 0


@pytest.mark.slow
def test_a_task_that_hangs_is_ended_and_not_tried_again(tmp_path):
    with LocalProcesses(1, prepare=nothing, timeout_seconds=0.5) as executor:
        with pytest.raises(TaskTimedOutError, match=r"longer than 0\.5 s"):
            executor.submit(pid_after, 600).result(timeout=60)
        assert executor.submit(pid_after, 0).result(timeout=60) > 0
        executor.shutdown(cancel_futures=True)


@pytest.mark.slow
def test_what_a_task_prints_goes_to_standard_error(capfd):
    with LocalProcesses(1, prepare=nothing) as executor:
        assert executor.submit(print_and_answer).result(timeout=60) == 3
        executor.shutdown(cancel_futures=True)
    captured = capfd.readouterr()
    assert "from a user's module" in captured.err
    assert captured.out == ""


def test_cancelling_ends_every_process_at_once():
    executor = LocalProcesses(2, prepare=nothing)
    pids = [executor.submit(pid_after, 0) for _ in range(4)]
    alive = {future.result(timeout=60) for future in pids}
    futures = [executor.submit(pid_after, 600) for _ in range(4)]
    executor.shutdown(wait=True, cancel_futures=True)
    assert not any(is_alive(pid) for pid in alive)
    assert all(future.done() for future in futures)


def unpicklable():
    return lambda: None


class TwoArgumentError(Exception):
    def __init__(self, one, two):
        super().__init__(one + two)


def fail_unpicklably():
    raise TwoArgumentError(1, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "message"),
    [
        ((fail_unpicklably,), "cannot be sent"),
        ((unpicklable,), "cannot be sent"),
        ((pid_after, lambda: None), "pickle"),
    ],
)
def test_what_cannot_cross_the_pipe_is_an_error_not_a_wait(workers, call, message):
    with pytest.raises(Exception, match=message):
        workers.submit(*call).result(timeout=60)
    assert workers.submit(pid_after, 0).result(timeout=60) > 0


@pytest.mark.slow
def test_a_process_that_cannot_be_prepared_is_an_error_not_a_wait():
    for prepare in (fail, lambda: None):
        with LocalProcesses(1, prepare=prepare) as executor:
            with pytest.raises(
                Exception, match=r"exit code 1 before it was ready, twice|pickle"
            ):
                executor.submit(pid_after, 0).result(timeout=60)
            executor.shutdown(cancel_futures=True)


def lose_the_device(marker: Path):
    if marker.exists():
        return "answered"
    marker.touch()
    raise runtime.ProcessUnusableError("the device is lost")


@pytest.mark.slow
def test_an_unusable_process_is_replaced(workers, tmp_path):
    future = workers.submit(lose_the_device, tmp_path / "marker")
    assert future.result(timeout=60) == "answered"


@pytest.mark.parametrize("delay", [0, 0.001, 0.003, 0.01, 0.1, 0.3])
def test_cancelling_while_workers_start_ends_them_too(delay):
    """A worker that starts just then would keep its task for its whole length."""
    executor = LocalProcesses(2, prepare=nothing)
    futures = [executor.submit(pid_after, 600) for _ in range(2)]
    time.sleep(delay)
    executor.shutdown(wait=True, cancel_futures=True)
    assert all(future.done() for future in futures)


@pytest.mark.slow
def test_an_interrupt_before_a_worker_is_ready_does_not_reach_it(capfd):
    """A terminal sends Ctrl-C to all processes, also to one that imports torch."""
    for delay in (0.0, 0.05, 0.3):
        process, pipe = child.launch(nothing)
        time.sleep(delay)
        os.kill(process.pid, signal.SIGINT)
        assert pipe.recv() is True
        process.kill()
        process.join()
        pipe.close()
    assert "Traceback" not in capfd.readouterr().err


def test_an_interrupt_while_a_worker_is_started_still_stops_this_process(monkeypatch):
    def interrupted(*args, **kwargs):
        # To this thread: one for the process may reach a thread of torch instead, and
        # this one only some time later.
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        child.launch(nothing)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


@pytest.mark.slow
def test_no_worker_outlives_a_killed_parent(tmp_path):
    """The parent is killed while its workers train; both must be gone soon."""
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys, time
            sys.path.insert(0, sys.argv[1])
            from processes import nothing, pid_after
            from depthbench.engine import LocalProcesses

            if __name__ == "__main__":
                executor = LocalProcesses(2, prepare=nothing)
                first = [executor.submit(pid_after, 1) for _ in range(2)]
                pids = {future.result() for future in first}
                busy = [executor.submit(pid_after, 600) for _ in range(2)]
                print(*pids, flush=True)
                time.sleep(600)
            """
        )
    )
    parent = subprocess.Popen(
        [sys.executable, script, TESTS],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert are_gone(pids)


@pytest.mark.slow
def test_another_call_is_made_in_new_processes_as_often_as_asked(workers, capfd):
    first = workers.submit(os.getpid).result()
    last = workers.submit(give_up, 3).result()
    assert last != first
    assert workers.submit(pid_after, 0).result() > 0
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_another_call_that_cannot_be_sent_is_an_error(workers):
    with pytest.raises(TypeError, match="cannot be sent"):
        workers.submit(give_up_for_a_lambda).result()
    assert workers.submit(pid_after, 0).result() > 0


@pytest.mark.slow
def test_a_future_that_its_owner_cancels_harms_no_other():
    with LocalProcesses(1, prepare=nothing) as executor:
        first = executor.submit(pid_after, 0.3)
        assert first.cancel()
        assert executor.submit(pid_after, 0).result(timeout=60) > 0
        assert first.cancelled()


@pytest.mark.slow
def test_workers_that_never_begin_are_not_the_task_s_fault(tmp_path):
    with LocalProcesses(1, prepare=partial(os._exit, 7)) as executor:
        future = executor.submit(pid_after, 0)
        with pytest.raises(WorkerStartError, match="with exit code 7 before it was re"):
            future.result(timeout=60)
    once = partial(die_but_first, tmp_path / "first")
    with LocalProcesses(1, prepare=once) as executor:
        assert executor.submit(pid_after, 0).result(timeout=60) > 0
        with pytest.raises(WorkerDiedError, match="killed by SIGKILL, twice"):
            executor.submit(die, signal.SIGKILL).result(timeout=60)


def die_but_first(marker: Path):
    if marker.exists():
        die(signal.SIGKILL)
    marker.touch()
