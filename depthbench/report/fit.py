"""How success falls with depth in one cell: k50, k90, and how sure they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depthbench.curves import CurvePosterior, Estimate, monotonicity_p_value
from depthbench.search import CellPlan, curve_of

# Below this, trials contradict a success that only falls with depth.
SUSPICIOUS_P_VALUE = 0.05

NO_ESTIMATE = Estimate(None, None, None)

_NEGLIGIBLE = 1e-9  # probability of a state that no percentile depends on


@dataclass(frozen=True, slots=True)
class CurveFit:
    """What all trials of a cell say, taken together.

    Attributes:
        posterior: Over curves.
        k50: Depth where half of all trainings succeed.
        k90: Depth where nine in ten do; 0 if there is none.
        slope: Fall of the success probability from one layer to the next, at k50.
        lapse: Share of trainings that fail at any depth.
        monotonicity_p_value: How often trials of a success that only falls with depth
            would look as if it rose somewhere; None with fewer than two depths.
    """

    posterior: CurvePosterior
    k50: Estimate
    k90: Estimate
    slope: Estimate
    lapse: Estimate
    monotonicity_p_value: float | None

    @property
    def is_suspicious(self) -> bool:
        """Whether success seems to rise with depth somewhere."""
        p = self.monotonicity_p_value
        return p is not None and p < SUSPICIOUS_P_VALUE


def fit_of(plan: CellPlan, observations: Sequence[tuple[int, bool]]) -> CurveFit | None:
    """The fit to trials (depth, trained) of any kind of search.

    Returns:
        None without any trial, and for a search of one depth, which asks for no fall
        of success.
    """
    posterior = curve_of(plan, observations)
    if posterior is None or plan.cell.search.only_depth is not None:
        return None
    return CurveFit(
        posterior=posterior,
        k50=posterior.k50().rounded(),
        k90=posterior.k90().rounded(),
        slope=posterior.slope_at_k50().rounded(),
        lapse=posterior.lapse().rounded(),
        monotonicity_p_value=monotonicity_p_value(observations),
    )


def success_band(
    posterior: CurvePosterior, depths: Sequence[float]
) -> tuple[list[float], list[float]]:
    """The 5 % and 95 % points of the success probability at each depth.

    They are of each depth on its own: together, the points of all depths are no
    single curve of the posterior.
    """
    weights = posterior.weights.ravel()
    counts = weights > _NEGLIGIBLE
    ends = []
    for depth in depths:
        success = posterior.grid.success(depth).ravel()[counts]
        order = np.argsort(success)
        mass = np.cumsum(weights[counts][order])
        places = np.searchsorted(mass, (0.05 * mass[-1], 0.95 * mass[-1]))
        ends.append(success[order][places].tolist())
    return [low for low, _ in ends], [high for _, high in ends]
