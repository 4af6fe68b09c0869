"""Search strategies as values: numbers only, no torch, one strategy a file."""

from depthbench.search.bisect import BracketSearch, Probe
from depthbench.search.posterior import PosteriorSearch

__all__ = ["BracketSearch", "PosteriorSearch", "Probe"]
