"""Search strategies as values: numbers only, no torch, one strategy a file."""

from depthbench.search.bisect import BracketSearch, Probe
from depthbench.search.curve import CurvePosterior, Estimate
from depthbench.search.curve_grid import Prior
from depthbench.search.monotone import monotonicity_p_value
from depthbench.search.posterior import PosteriorSearch

__all__ = [
    "BracketSearch",
    "CurvePosterior",
    "Estimate",
    "PosteriorSearch",
    "Prior",
    "Probe",
    "monotonicity_p_value",
]
