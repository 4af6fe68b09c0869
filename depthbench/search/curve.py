"""How the chance to train falls with depth: a model, and what trials say about it.

A training at depth k succeeds with probability

    p(k) = (1 - lapse) F((m - k) / (w m)),    F(x) = 1 / (1 + exp(-x)),

the psychometric function with a lapse rate (Wichmann and Hill, "The psychometric
function: I", 2001), falling instead of rising. `lapse` is the share of trainings that
fail at any depth, m the location and w the width relative to it. The depths a reader
wants follow: k50, where p = 1/2, and k90, where p = 0.9.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from depthbench.search.monotone import monotonicity_p_value

__all__ = ["CurvePosterior", "Estimate", "Prior", "monotonicity_p_value"]

Floats = NDArray[np.float64]

INTERVAL = (0.05, 0.5, 0.95)
# Each trial counts as a little less than one: the true curve is not exactly the
# model's, and an interval that takes the model at its word is too narrow (a power
# likelihood; Miller and Dunson, "Robust Bayesian inference via coarsening", 2019).
TRIAL_WEIGHT = 0.9

RELATIVE_STEP = 0.025  # between neighbours on the grid of k50


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


@dataclass(frozen=True, slots=True)
class Prior:
    """What is held possible before any trial.

    The logarithm of k50 is uniform; independent of it are the width and the lapse.

    Attributes:
        widths: Values of w, rising, above 0 and below 1.
        width_weights: One a width, positive; they need not sum to 1.
        lapses: Values of the lapse, rising, from 0 to below 1/2: with more there would
            be no k50.
        lapse_weights: One a lapse.
        beyond: k50 may be this factor below the shallowest depth and above the
            deepest.
    """

    widths: tuple[float, ...] = (0.02, 0.04, 0.07, 0.11, 0.16, 0.23, 0.32, 0.45, 0.63)
    width_weights: tuple[float, ...] = (1.0,) * 9
    lapses: tuple[float, ...] = (0.0, 0.04, 0.1, 0.2)
    lapse_weights: tuple[float, ...] = (4.0, 3.0, 2.0, 1.0)
    beyond: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class CurveGrid:
    """The states of the model: rows of k50, columns of (width, lapse).

    Attributes:
        k50: Depths, evenly spaced in their logarithm, `[rows]`.
        width: w of each column, `[columns]`.
        lapse: Of each column, `[columns]`.
        location: m of each state, `[rows, columns]`.
        weights: Prior, `[rows, columns]`, summing to 1.
    """

    k50: Floats
    width: Floats
    lapse: Floats
    location: Floats
    weights: Floats

    @classmethod
    @functools.lru_cache(maxsize=8)
    def of(cls, prior: Prior, shallowest: int, deepest: int) -> "CurveGrid":
        """The grid for trials at `shallowest` to `deepest`."""
        low, high = np.log(shallowest / prior.beyond), np.log(deepest * prior.beyond)
        rows = int(np.ceil((high - low) / RELATIVE_STEP)) + 1
        k50 = np.exp(np.linspace(low, high, rows))
        width = np.repeat(prior.widths, len(prior.lapses))
        lapse = np.tile(prior.lapses, len(prior.widths))
        columns = np.outer(prior.width_weights, prior.lapse_weights).ravel()
        half = width * _logit(0.5 / (1 - lapse))
        return cls(
            k50=k50,
            width=width,
            lapse=lapse,
            location=k50[:, None] / (1 - half),
            weights=np.tile(columns / columns.sum() / rows, (rows, 1)),
        )

    @property
    def k90(self) -> Floats:
        """k90 of each state; 0 where no depth trains that often."""
        odds = _logit(0.9 / (1 - np.minimum(self.lapse, 0.0999)))
        k90 = self.location * np.maximum(1 - self.width * odds, 0)
        return np.where(self.lapse < 0.0999, k90, 0.0)

    @property
    def slope(self) -> Floats:
        """Fall of p from one layer to the next at k50, of each state."""
        return (0.5 - 0.25 / (1 - self.lapse)) / (self.width * self.location)

    def success(self, depth: float) -> Floats:
        """p(depth) of each state."""
        x = (1 - depth / self.location) / self.width
        fall: Floats = (1 - self.lapse) / (1 + np.exp(np.minimum(-x, 700)))
        return fall

    def log_likelihoods(self, depth: float) -> tuple[Floats, Floats]:
        """The logarithms of p(depth) and of 1 - p(depth), of each state."""
        x = (1 - depth / self.location) / self.width
        log_normalizer = np.logaddexp(0, -x)
        with np.errstate(divide="ignore"):
            log_lapse = np.log(self.lapse)
        return (
            np.log1p(-self.lapse) - log_normalizer,
            np.logaddexp(log_lapse, -x) - log_normalizer,
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


@functools.lru_cache(maxsize=256)
def weighted_log_likelihoods(grid: CurveGrid, depth: int) -> tuple[Floats, Floats]:
    """What one trial at `depth` counts; remembered, as searches return to depths."""
    trained, failed = grid.log_likelihoods(depth)
    return TRIAL_WEIGHT * trained, TRIAL_WEIGHT * failed


def _logit(p: Floats) -> Floats:
    return np.log(p) - np.log1p(-p)


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
