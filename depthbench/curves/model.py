"""How the chance to train falls with depth: a model, and what trials say about it.

A training at depth k succeeds with probability

    p(k) = (1 - lapse) F((m - k) / (w m)),    F(x) = 1 / (1 + exp(-x)),

the psychometric function with a lapse rate (Wichmann and Hill, "The psychometric
function: I", 2001), falling instead of rising. `lapse` is the share of trainings that
fail at any depth, m the location and w the width relative to it. The depths a reader
wants follow: k50, where p = 1/2, and k90, where p = 0.9.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from depthbench.curves.grid import (
    CurveGrid,
    Floats,
    Prior,
    weighted_log_likelihoods,
)
from depthbench.curves.monotonicity import monotonicity_p_value

__all__ = ["CurvePosterior", "Estimate", "Prior", "monotonicity_p_value"]

INTERVAL = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The 5 %, 50 % and 95 % points of a posterior.

    Attributes:
        low: None where no evidence bounds the quantity from below.
        median: None where it lies beyond all evidence.
        high: None where no evidence bounds the quantity from above.
    """

    low: float | None
    median: float | None
    high: float | None

    def rounded(self, digits: int = 6) -> "Estimate":
        """To so many significant digits: the last ones depend on the processor."""
        points = (self.low, self.median, self.high)
        return Estimate(
            *(None if p is None else float(f"{p:.{digits}g}") for p in points)
        )


@dataclass(frozen=True, slots=True, eq=False)
class CurvePosterior:
    """What is held possible after some trials.

    Attributes:
        grid: The states.
        weights: Their probabilities, `[rows, columns]`, summing to 1.
        range: The shallowest and the deepest depth of the search.
        num_trained: Trials that trained.
        num_failed: Trials that failed.
    """

    grid: CurveGrid
    weights: Floats
    range: tuple[int, int]
    num_trained: int
    num_failed: int

    @classmethod
    def given(
        cls,
        observations: Sequence[tuple[int, bool]],
        *,
        shallowest: int,
        deepest: int,
        prior: Prior | None = None,
    ) -> "CurvePosterior":
        """The posterior after trials (depth, trained), in any order.

        Args:
            observations: Trials; the same depth may occur often.
            shallowest: First depth of the search; at least 1.
            deepest: Last depth of the search.
            prior: None takes the default, wide one.
        """
        grid = CurveGrid.of(prior or Prior(), shallowest, deepest)
        log_weights = np.log(grid.weights)
        for (depth, trained), count in sorted(Counter(observations).items()):
            each = weighted_log_likelihoods(grid, depth)[0 if trained else 1]
            log_weights += each if count == 1 else count * each
        weights = np.exp(log_weights - log_weights.max())
        num_trained = sum(trained for _, trained in observations)
        return cls(
            grid=grid,
            weights=weights / weights.sum(),
            range=(shallowest, deepest),
            num_trained=num_trained,
            num_failed=len(observations) - num_trained,
        )

    def k50(self) -> Estimate:
        """The depth where half of all trainings succeed.

        Without a success there is no lower bound, without a failure no upper one; nor
        is there one beyond the depths of the search, where the prior alone would say.
        """
        estimate = _quantiles(np.log(self.grid.k50), self.weights.sum(axis=1))
        low, median, high = np.exp(estimate).tolist()
        shallowest, deepest = self.range
        is_bounded = self.num_trained > 0 and self.num_failed > 0
        return Estimate(
            low if self.num_trained and low >= shallowest else None,
            median if is_bounded and shallowest <= median <= deepest else None,
            high if self.num_failed and high <= deepest else None,
        )

    def k90(self) -> Estimate:
        """The depth where nine trainings in ten succeed; 0 if there is no such depth.

        A depth above those of the grid is 0, too. Bounds are None as those of `k50`.
        """
        low, median, high = _weighted_quantiles(self.grid.k90, self.weights)
        shallowest, deepest = self.range
        is_bounded = self.num_trained > 0 and self.num_failed > 0
        return Estimate(
            _or_zero(low, shallowest) if self.num_trained else None,
            _or_zero(median, shallowest) if is_bounded and median <= deepest else None,
            _or_zero(high, shallowest) if self.num_failed and high <= deepest else None,
        )

    def width(self) -> Estimate:
        """The width of the fall from success to failure, w, as a share of m."""
        return Estimate(*_weighted_quantiles(self.grid.width, self.weights.sum(axis=0)))

    def lapse(self) -> Estimate:
        """The share of trainings that fail at any depth."""
        return Estimate(*_weighted_quantiles(self.grid.lapse, self.weights.sum(axis=0)))

    def slope_at_k50(self) -> Estimate:
        """Fall of the success probability per layer at k50; positive."""
        return Estimate(*_weighted_quantiles(self.grid.slope, self.weights))

    def success_probability(self, depths: ArrayLike) -> Floats:
        """Chance that the next training at each of `depths` succeeds, `[depths]`."""
        each = [
            float((self.weights * self.grid.success(depth)).sum())
            for depth in np.asarray(depths, dtype=float).ravel()
        ]
        return np.array(each)


def _or_zero(depth: float, shallowest: int) -> float:
    return depth if depth >= shallowest else 0.0


def _quantiles(values: Floats, weights: Floats) -> Floats:
    """Points of `INTERVAL`, each value's weight spread evenly around it."""
    ends = np.concatenate([[0.0], np.cumsum(weights)])
    step = values[1] - values[0]
    edges = np.append(values - step / 2, values[-1] + step / 2)
    points: Floats = np.interp(INTERVAL, ends, edges)
    return points


def _weighted_quantiles(values: Floats, weights: Floats) -> Iterable[float]:
    """Points of `INTERVAL` of values that are not evenly spaced."""
    order = np.argsort(values, axis=None)
    mass = np.cumsum(weights.ravel()[order])
    places = np.searchsorted(mass, INTERVAL).clip(max=len(order) - 1)
    found: list[float] = values.ravel()[order][places].tolist()
    return found
