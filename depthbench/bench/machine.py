"""What this machine can do, and whether the fused kernels run on it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from depthbench import runtime
from depthbench.kernels import compiled
from depthbench.record import Environment
from depthbench.runtime import environment

_TRIES = 8
_ROUNDS = 8_000_000  # of multiply-adds: some hundredths of a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The most multiply-adds a second that were measured, in GFLOP/s.

    Attributes:
        gflop_per_second: Of one thread on a CPU, of all of a GPU.
        probe: How it was measured.
    """

    gflop_per_second: float
    probe: str


def why_not_fused(device: str) -> str | None:
    """Why the fused kernels cannot run on a kind of device; None if they can."""
    return compiled.missing() if device == "cpu" else "they are for CPUs"


def capture_environment(device: str) -> Environment:
    """Environment of this process, with the instruction set of the fused kernels."""
    has_fused = device == "cpu" and compiled.missing() is None
    return replace(
        environment.capture_environment(device),
        instruction_set=compiled.kernels()[0].name if has_fused else None,
    )


def measure_peak(device: str) -> Peak:
    """The peak of a device, from multiply-adds on registers or a product of matrices.

    Call it in a process of one thread.
    """
    if device == "cpu" and compiled.missing() is None:
        kernel = compiled.kernels()[0]
        rate = max(_rate(lambda: kernel.multiply_add(_ROUNDS)) for _ in range(_TRIES))
        return Peak(
            gflop_per_second=rate, probe=f"{kernel.name} multiply-adds on registers"
        )
    size = 8192 if device == "cuda" else 1536
    left, right = torch.randn(2, size, size, device=device)

    def product() -> int:
        torch.mm(left, right)
        runtime.synchronize(device)
        return 2 * size**3

    rate = max(_rate(product) for _ in range(_TRIES))
    probe = f"product of {size} x {size} float32 matrices (torch.mm)"
    return Peak(gflop_per_second=rate, probe=probe)


def _rate(work: Callable[[], int]) -> float:
    """GFLOP/s of work that returns its number of operations."""
    began = runtime.monotonic_seconds()
    num_operations = work()
    return 1e-9 * num_operations / (runtime.monotonic_seconds() - began)
