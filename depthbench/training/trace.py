"""Loss and gradient along a training, a point for every few steps."""

from collections.abc import Iterator

from torch import Tensor

from depthbench.record import TRACE_STEPS, TracePoint


def traced(losses: Tensor, norms: Tensor, first_step: int) -> Iterator[TracePoint]:
    """The points of some consecutive steps of one epoch.

    Args:
        losses: Of each step: [steps].
        norms: Of each step's gradient: [steps].
        first_step: Index of the first of them, from 0 over all epochs.
    """
    for start in range(0, len(losses), TRACE_STEPS):
        some = slice(start, start + TRACE_STEPS)
        yield TracePoint(
            first_step + min(start + TRACE_STEPS, len(losses)),
            _rounded(losses[some].double().mean().item()),
            _rounded(norms[some].double().mean().item()),
        )


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
