"""Processes that die, fail or give up, and whether one is still there."""

import os
import time
from pathlib import Path

from depthbench import runtime


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


def nothing():
    pass


def pid_after(seconds):
    time.sleep(seconds)
    return os.getpid()
