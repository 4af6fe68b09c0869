"""What this process may use, its switches, and its end."""

import ctypes
import gc
import logging
import math
import os
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from depthbench.runtime.installed import is_users_code

# The beginnings, as patterns, of what torch says where nothing is wrong: of a
# checkpointed network that is tested, which needs no gradients.
_EXPECTED_WARNINGS = ("None of the inputs have requires_grad=True",)

_GLIBC_M_TRIM_THRESHOLD = -1
_GLIBC_M_MMAP_THRESHOLD = -3


class ProcessUnusableError(Exception):
    """This process can do no more work; a new one may.

    Attributes:
        instead: The call, a function and its arguments, that a new process should make
            in place of the one that ended so; None for the same again.
    """

    def __init__(
        self,
        reason: str,
        instead: tuple[Callable[..., Any], tuple[Any, ...]] | None = None,
    ) -> None:
        super().__init__(reason)
        self.instead = instead


def num_cores(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> int:
    """Cores this process may keep busy: its affinity, or the quota of its container.

    Args:
        membership: File that names the process's control groups.
        root: Folder of all control groups.
    """
    if hasattr(os, "process_cpu_count"):  # Python 3.13; heeds PYTHON_CPU_COUNT
        number = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        number = len(os.sched_getaffinity(0))
    else:
        number = os.cpu_count()
    return max(1, math.floor(min(number or 1, _quota(membership, root))))


def _quota(membership: Path, root: Path) -> float:
    """Processors' time per time that the control groups of this process are given.

    Infinite without a limit. A group has at most what those above it have.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # not Linux
        return math.inf
    found = [math.inf]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "cpu", "cpu,cpuacct", "cpuacct,cpu"):
            top = root / controllers
            group = top / path.lstrip("/")
            groups = [
                each for each in (group, *group.parents) if top in (each, *each.parents)
            ]
            found += [_quota_of(each) for each in groups]
    return min(found)


def _quota_of(group: Path) -> float:
    try:
        if (group / "cpu.max").exists():
            given, period = (group / "cpu.max").read_text().split()
        else:
            given = (group / "cpu.cfs_quota_us").read_text().strip()
            period = (group / "cpu.cfs_period_us").read_text()
        return int(given) / int(period) if int(given) > 0 else math.inf
    except (OSError, ValueError):  # no limit here, or "max"
        return math.inf


def open_standard_streams() -> None:
    """Open to nothing those of the three standard streams that are closed.

    A daemon's often are. The next file that is opened would get the number of one, and
    with it what is printed.
    """
    for number, name, mode in (
        (0, "stdin", "r"),
        (1, "stdout", "w"),
        (2, "stderr", "w"),
    ):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def quiet_libraries() -> None:
    """Let no warning of a library stand in place of what this program has to say.

    Those about a user's own code are shown, in a line that names it.
    """

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del file, line
        if is_users_code(filename):
            said = str(message).strip().partition("\n")[0]
            sys.stderr.write(f"{filename}:{lineno}: {category.__name__}: {said}\n")

    warnings.showwarning = show
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def configure_process(num_threads: int) -> None:
    """Set every process-wide switch of torch and Python; called at a process's start.

    TF32 is off, so that "float32" means it on a GPU. Freed memory is kept by the
    process: glibc would otherwise return each activation to the system and fault it
    in again at the next step, a third of the time of a step of a small network. What is
    imported by then stays, so the garbage collector does not look at it again, which
    takes it 0.2 seconds a time. Warnings of torch about what is right here are not
    shown.
    """
    import torch

    for message in _EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", message)

    torch.set_num_threads(num_threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_GLIBC_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_GLIBC_M_TRIM_THRESHOLD, (1 << 31) - 1)
    gc.freeze()
