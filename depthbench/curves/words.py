"""Estimates of a depth in the words that readers see."""

from depthbench.curves.model import Estimate


def estimate_text(estimate: Estimate) -> str:
    """A depth with its 90 % interval: "47 (41 to 53)"; or a bound: "≥ 88".

    A bound stands where the depth itself is beyond all evidence.
    """
    low, median, high = depth_texts(estimate)
    within = f"≥ {low}" if low else f"≤ {high}" if high else ""
    if low and high:
        within = f"{low} to {high}"
    if median is None:
        return within
    return f"{median} ({within})" if within else median


def depth_texts(estimate: Estimate) -> tuple[str | None, str | None, str | None]:
    """Low, median and high in digits that suit the size of the depth."""
    depths = (estimate.low, estimate.median, estimate.high)
    size = next((depth for depth in depths[1::-1] if depth is not None), estimate.high)
    digits = 0 if size is not None and size >= 20 else 1
    low, median, high = (
        None if depth is None else f"{depth:.{digits}f}" for depth in depths
    )
    return low, median, high
