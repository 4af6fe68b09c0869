"""What the trials of a cell say about how success falls with depth."""

from collections.abc import Sequence

from depthbench.curves import CurvePosterior, Prior
from depthbench.curves.grid import WIDE_PRIOR
from depthbench.plan.state import CellPlan


def curve_of(
    plan: CellPlan, observations: Sequence[tuple[int, bool]] | None = None
) -> CurvePosterior | None:
    """The posterior given some trials; None without any.

    Args:
        plan: Whose depths limit what can be said, under any kind of search.
        observations: (depth, trained) of the trials; None takes those that the search
            asked for.
    """
    seen = plan.observations if observations is None else observations
    if not seen:
        return None
    return CurvePosterior.given(
        seen,
        shallowest=plan.cell.grid.start,
        deepest=plan.deepest,
        prior=Prior() if plan.search == "posterior" else WIDE_PRIOR,
    )
