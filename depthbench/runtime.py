"""Process, device, clock, seeds: the only file that touches the world outside."""

import ctypes
import functools
import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from depthbench.record import Environment

if TYPE_CHECKING:
    import torch

DATA_VARIABLE = "DEPTHBENCH_DATA"
PLUGIN_VARIABLE = "DEPTHBENCH_PLUGINS"

_GLIBC_M_TRIM_THRESHOLD = -1
_GLIBC_M_MMAP_THRESHOLD = -3


class DeviceError(Exception):
    """A device was asked for that this machine or this build of torch lacks."""


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


def data_dir() -> Path:
    """Where data sets are kept unless told otherwise.

    `DEPTHBENCH_DATA` if it is set, else `depthbench` in the user's cache folder.
    """
    named = os.environ.get(DATA_VARIABLE)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(cache) / "depthbench"


def plugin_paths() -> tuple[Path, ...]:
    """Plugin files named in `DEPTHBENCH_PLUGINS`, separated as in `PATH`."""
    named = os.environ.get(PLUGIN_VARIABLE, "")
    return tuple(Path(part) for part in named.split(os.pathsep) if part)


def child_environment(scratch: Path) -> dict[str, str]:
    """This process's variables, for one that finds the same modules as this one.

    Args:
        scratch: Where it puts its temporary files.
    """
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(scratch)}


def is_completing() -> bool:
    """Whether a shell started this process to complete a command line."""
    return "_DEPTHBENCH_COMPLETE" in os.environ


def num_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def monotonic_seconds() -> float:
    """Seconds on a clock that no one sets; only differences mean anything."""
    return time.monotonic()


def cpu_seconds() -> float:
    """Processor time of this process, all threads; only differences mean anything."""
    return time.process_time()


def synchronize(device: str) -> None:
    """Wait until a device has done all it was told to; a CPU always has."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def load_average() -> float | None:
    """Mean number of busy or waiting processes in the last minute, where told."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def utc_now() -> str:
    """The date and time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def seed_for(seed: int, purpose: str) -> int:
    """A seed of 63 bits for one purpose of one trial.

    Purposes at the same seed are independent, and the same purpose at the same seed
    is equal in every architecture, depth and process.
    """
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str) -> "torch.Generator":
    """A CPU generator for one purpose of one trial."""
    import torch

    return torch.Generator().manual_seed(seed_for(seed, purpose))


@contextmanager
def seeded_global_generators(seed: int, purpose: str) -> Iterator[None]:
    """Seed torch's global generators inside the block, and restore them after it.

    For code of users, whose modules draw their default weights from there.
    """
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed_for(seed, purpose))
        yield


def resolve_device(choice: str) -> Literal["cpu", "cuda"]:
    """`cpu` or `cuda` for `auto`, `cpu` or `cuda`.

    Raises:
        DeviceError: If `cuda` is asked for and cannot be used.
    """
    if choice == "cpu":
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


def configure_process(num_threads: int) -> None:
    """Set every process-wide switch of torch; called once at a process's start.

    TF32 is off, so that "float32" means it on a GPU. Freed memory is kept by the
    process: glibc would otherwise return each activation to the system and fault it
    in again at the next step, a third of the time of a step of a small network.
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


def capture_environment(device: str) -> Environment:
    """Versions, device and switches of this process, for a record."""
    import torch

    return Environment(
        depthbench=importlib.metadata.version("depthbench"),
        python=platform.python_version(),
        # Not the subclass of torch's own, for whose sake a reader would import torch.
        torch=str(torch.__version__),
        numpy=importlib.metadata.version("numpy"),
        platform=platform.platform(),
        device_name=(
            torch.cuda.get_device_name() if device == "cuda" else _processor_name()
        ),
        num_threads=torch.get_num_threads(),
        tf32=(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32),
        git_commit=_git_commit(),
    )


@functools.cache
def _processor_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.processor() or platform.machine()


@functools.cache
def _git_commit() -> str | None:
    """Commit of the checkout this package lies in, "-dirty" if changed, else None."""
    folder = Path(__file__).parent
    if not (folder.parent / ".git").exists():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()
