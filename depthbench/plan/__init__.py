"""What is left to do in a cell, given its records: the fold of a search over trials.

A pure function of the study and of what is stored. The driver calls it after every
record, the report to find the answer, a resumed run to find its place: there is no
other code for any of the three.
"""

from depthbench.plan.curve import curve_of
from depthbench.plan.fold import check_search, plan_cell
from depthbench.plan.measured import layer_epochs, told_error
from depthbench.plan.posterior import posterior_end
from depthbench.plan.state import CellPlan, LimitedBy, ProbeResult, split

__all__ = [
    "CellPlan",
    "LimitedBy",
    "ProbeResult",
    "check_search",
    "curve_of",
    "layer_epochs",
    "plan_cell",
    "posterior_end",
    "split",
    "told_error",
]
