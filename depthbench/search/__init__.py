"""Searches: what is left to do in a cell, given what was measured there.

A strategy is one file; `registry` lists them. Each folds the stored trials of a cell
into a `CellPlan`. The driver asks it after every record, the report to find the answer,
a resumed run to find its place: there is no other code for any of the three.
"""

from depthbench.search.bracket import BracketSearch, Probe
from depthbench.search.cell_search import CellSearch, plan_cell
from depthbench.search.curve import curve_of
from depthbench.search.information import PosteriorSearch
from depthbench.search.measured import layer_epochs, rate_error
from depthbench.search.plan import CellPlan, ProbeResult, split
from depthbench.search.registry import STRATEGIES, check_search, strategy_of
from depthbench.search.strategy import Strategy

__all__ = [
    "STRATEGIES",
    "BracketSearch",
    "CellPlan",
    "CellSearch",
    "PosteriorSearch",
    "Probe",
    "ProbeResult",
    "Strategy",
    "check_search",
    "curve_of",
    "layer_epochs",
    "plan_cell",
    "rate_error",
    "split",
    "strategy_of",
]
