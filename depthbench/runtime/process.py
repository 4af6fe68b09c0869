"""What this process may use, its switches, and its end."""

import ctypes
import gc
import os
import platform
from collections.abc import Callable
from typing import Any

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


def num_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def configure_process(num_threads: int) -> None:
    """Set every process-wide switch of torch and Python; called at a process's start.

    TF32 is off, so that "float32" means it on a GPU. Freed memory is kept by the
    process: glibc would otherwise return each activation to the system and fault it
    in again at the next step, a third of the time of a step of a small network. What is
    imported by then stays, so the garbage collector does not look at it again, which
    takes it 0.2 seconds a time.
    """
    import torch

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
