"""How success falls with depth: the curve, and what trials say of it. Numbers only."""

from depthbench.curves.grid import Prior
from depthbench.curves.model import CurvePosterior, Estimate
from depthbench.curves.monotonicity import monotonicity_p_value

__all__ = ["CurvePosterior", "Estimate", "Prior", "monotonicity_p_value"]
