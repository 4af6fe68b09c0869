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
            rounded(losses[some].double().mean().item(), digits=5),
            rounded(norms[some].double().mean().item(), digits=5),
        )


def rounded(value: float, *, digits: int) -> float:
    """The value to so many significant digits; one that is not finite stays."""
    return float(f"{value:.{digits}g}")
