"""What the trials of a cell say about how success falls with depth."""

from collections.abc import Sequence

from depthbench.curves import CurvePosterior
from depthbench.search.plan import CellPlan
from depthbench.search.registry import strategy_of


def curve_of(
    plan: CellPlan, observations: Sequence[tuple[int, bool]] | None = None
) -> CurvePosterior | None:
    """The posterior given some trials, under any kind of search; None without any.

    Args:
        plan: Of the cell.
        observations: (depth, trained) of the trials; None takes those that the search
            asked for.
    """
    seen = plan.observations if observations is None else observations
    return strategy_of(plan.cell.search).curve(plan, seen)
