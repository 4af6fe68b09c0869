"""The device that trains: which one, its queue and its memory."""

import ctypes
import os
import platform
from pathlib import Path
from typing import Literal


class DeviceError(Exception):
    """A device was asked for that this machine or this build of torch lacks."""


def resolve_device(choice: str) -> Literal["cpu", "cuda"]:
    """`cpu` or `cuda` for `auto`, `cpu` or `cuda`.

    Raises:
        DeviceError: If `cuda` is asked for and cannot be used.
    """
    if choice == "cpu" or (choice == "auto" and not _has_gpu_driver()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if choice == "auto":
        return "cpu"
    built = torch.version.cuda
    reason = (
        "no usable GPU or driver was found"
        if built
        else "this build of torch has no CUDA"
    )
    raise DeviceError(f"device cuda: {reason}; use --device cpu or auto")


def _has_gpu_driver() -> bool:
    """Whether torch could find a GPU; without a driver it need not be asked."""
    if Path("/dev/kfd").exists():
        return True  # of AMD
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True


def synchronize(device: str) -> None:
    """Wait until a device has done all work queued on it; a CPU always has."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def reset_peak_memory(device: str) -> None:
    """Start a new measurement of `peak_memory_bytes`, where the system can.

    What was freed before, by an earlier trial or while the data were read, is given
    back first and not counted again.
    """
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        return
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
    if os.access("/proc/self/clear_refs", os.W_OK):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_bytes(device: str) -> int:
    """Peak of the allocator on a GPU; of the whole process, with torch, on a CPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
