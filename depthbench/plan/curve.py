"""What the trials of a search say about how success falls with depth."""

from depthbench.plan.state import CellPlan
from depthbench.search import CurvePosterior


def curve_of(plan: CellPlan) -> CurvePosterior | None:
    """The posterior given the trials that the search asked for; None without any.

    The same for every kind of search, also for one that never looked at it.
    """
    if not plan.observations:
        return None
    return CurvePosterior.given(
        plan.observations, shallowest=plan.cell.grid.start, deepest=plan.deepest
    )
