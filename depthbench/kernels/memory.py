"""Memory that a network's kernels use again at every step."""

import errno
import mmap
import weakref
from contextlib import suppress

import torch
from torch import Tensor


class Memory:
    """Hands out float32 buffers, and takes each back when nothing refers to it.

    A step asks for the same few sizes as the one before it and so allocates nothing.
    A smaller request, for the last batch or an evaluation, is met from a larger
    buffer. When none is large enough, those that are free are given up first.
    """

    def __init__(self) -> None:
        self._free: list[mmap.mmap] = []

    def floats(self, count: int) -> Tensor:
        """That many floats of any value, at the start of a page of memory.

        Raises:
            MemoryError: If the system has no more.
        """
        num_bytes = max(4 * count, mmap.PAGESIZE)
        fitting = [memory for memory in self._free if len(memory) >= num_bytes]
        if fitting:
            memory = min(fitting, key=len)
            self._free.remove(memory)
        else:
            self._free.clear()
            memory = _mapped(num_bytes)
        # The tensor keeps the view alive, not the memory itself, which stays with us.
        view = memoryview(memory)
        weakref.finalize(view, self._free.append, memory).atexit = False
        return torch.frombuffer(view, dtype=torch.float32)[:count]


def _mapped(num_bytes: int) -> mmap.mmap:
    try:
        if not hasattr(mmap, "MAP_PRIVATE"):
            return mmap.mmap(-1, num_bytes)
        # Private, so that a forked process has its own.
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        memory = mmap.mmap(-1, num_bytes, flags=flags)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        raise MemoryError(f"{num_bytes} bytes for a step's activations") from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        # Rows of many planes are read in turn, each on a page of its own. A system
        # without large pages refuses.
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
