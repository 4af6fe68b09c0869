"""Processes that die, fail or give up, and whether one is still there."""

import multiprocessing
import os
import pickle
import signal
import sys
import time
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

from depthbench import cli, runtime
from depthbench.engine import LocalProcesses, opening
from depthbench.engine.child import launched

_FORKS = multiprocessing.get_context("forkserver")
_IMPORTED = [
    "depthbench.study.run",
    "depthbench.engine.readiness",
    "depthbench.forecasting.task",
    "depthbench.report.figures",
    # By an optimizer's first step.
    "torch._dynamo",
]


def die(number):
    os.kill(os.getpid(), number)


def fail():
    raise ValueError("a bad value")


def give_up(num_left):
    """Ask for a smaller call in another process, until there is none."""
    if num_left == 0:
        return os.getpid()
    instead = (give_up, (num_left - 1,))
    raise runtime.ProcessUnusableError("not in this process", instead)


def are_gone(pids):
    """Whether every process ends; waits as long as a busy machine may take."""
    deadline = time.monotonic() + 60
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(is_alive(pid) for pid in pids)


def is_alive(pid):
    """Whether the process runs; a zombie, which only waits to be reaped, does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def workers_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def nothing():
    pass


def pid_after(seconds):
    time.sleep(seconds)
    return os.getpid()


def forked_command(arguments: list[str], folder: Path, said: Path) -> BaseProcess:
    """`depthbench ARGUMENTS` started in a folder; what it says goes to a file.

    It and its workers are forked from a process that has imported what they need, which
    saves them some seconds; otherwise they are the usual ones.
    """
    _FORKS.set_forkserver_preload(_IMPORTED)
    process = _FORKS.Process(target=_command, args=(arguments, folder, said))
    process.start()
    return process


def _command(arguments: list[str], folder: Path, said: Path) -> None:
    os.chdir(folder)
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    opening.LocalProcesses = partial(LocalProcesses, start=_fork_worker)
    sys.argv = ["depthbench", *arguments]
    cli.main()


def _fork_worker(prepare):
    pipe, theirs = multiprocessing.Pipe()
    their_end, end = multiprocessing.Pipe(duplex=False)
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=_work, args=(theirs, their_end, pipe, end))
    process.start()
    theirs.close()
    # Open as long as the process that started it lives: the worker's standard input.
    process.end = end
    pipe.send_bytes(pickle.dumps(prepare))
    return process, pipe


def _work(pipe, end, *of_parent):
    for each in of_parent:
        each.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(end.fileno(), sys.stdin.fileno())
    launched(pipe.fileno())
