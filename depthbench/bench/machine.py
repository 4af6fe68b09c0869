"""What this machine can do, and whether the fused kernels run on it."""

import importlib
from dataclasses import dataclass

import torch

from depthbench import runtime
from depthbench.kernels import conv_blocks_of


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
    try:
        conv_blocks_of("fused", device)
    except ImportError as error:
        return str(error)
    return None


def measure_peak(device: str) -> Peak:
    """The peak of a device, from the fused kernels' own probe or a product of matrices.

    Call it in a process of one thread.
    """
    if device == "cpu" and why_not_fused(device) is None:
        cpu = importlib.import_module("depthbench.kernels.cpu")
        if hasattr(cpu, "peak_gflops"):
            rate = max(float(cpu.peak_gflops()) for _ in range(3))
            return Peak(gflop_per_second=rate, probe="fused multiply-adds in registers")
    size = 8192 if device == "cuda" else 1536
    left, right = torch.randn(2, size, size, device=device)
    rates = []
    for _ in range(6):
        began = runtime.monotonic_seconds()
        torch.mm(left, right)
        runtime.synchronize(device)
        rates.append(2e-9 * size**3 / (runtime.monotonic_seconds() - began))
    probe = f"product of {size} x {size} float32 matrices (torch.mm)"
    return Peak(gflop_per_second=max(rates), probe=probe)
