"""Calls for Dask workers; what they need is imported in no time."""

import os
import signal
from pathlib import Path


def nothing():
    """Prepare nothing."""


def hang(place: Path):
    """Say where, and wait for a signal."""
    (place / "pid.tmp").write_text(str(os.getpid()))
    (place / "pid.tmp").rename(place / "pid")
    signal.pause()


def kill_own_worker(place: Path):
    """Note the attempt, kill the Dask worker and wait for what that brings."""
    with (place / "attempts").open("a") as file:
        file.write(f"{os.getpid()}\n")
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()
