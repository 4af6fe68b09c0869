"""Search strategies as values: pure integers, no torch, one strategy a file."""

from depthbench.search.bisect import BracketSearch, Probe

__all__ = ["BracketSearch", "Probe"]
