"""The states of the model of `depthbench.curves.model`, and their prior.

A state is a triple (k50, width, lapse); the location m follows from it, as
k50 = m (1 - w logit(1/2 / (1 - lapse))).
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Each trial counts as a little less than one: the true curve is not exactly the
# model's, and an interval that takes the model at its word is too narrow (a power
# likelihood; Miller and Dunson, "Robust Bayesian inference via coarsening", 2019).
TRIAL_WEIGHT = 0.9

RELATIVE_STEP = 0.025  # between neighbours on the grid of k50


@dataclass(frozen=True, slots=True)
class Prior:
    """What is held possible before any trial.

    The logarithm of k50 is uniform, and so, nearly, is that of the width; small lapses
    are likelier than large ones; all three are independent. Wide on purpose: with
    fewer wide curves in it, intervals on truly wide ones hold too little. Chosen
    together with `TRIAL_WEIGHT` on simulated searches (`depthbench calibrate`, seeds 1
    to 3; the committed calibration is of seed 0).

    Attributes:
        widths: Values of w, rising, above 0.
        width_weights: One per width, positive; they need not sum to 1.
        lapses: Values of the lapse, rising, at least 0.
        lapse_weights: One per lapse.
        beyond: k50 may be this factor below the shallowest depth and above the
            deepest.

    Raises:
        ValueError: If some curve is never above 1/2, and so has no k50.
    """

    widths: tuple[float, ...] = (0.02, 0.04, 0.07, 0.11, 0.16, 0.23, 0.32, 0.45, 0.63)
    width_weights: tuple[float, ...] = (1.0,) * 9
    lapses: tuple[float, ...] = (0.0, 0.04, 0.1, 0.2)
    lapse_weights: tuple[float, ...] = (4.0, 3.0, 2.0, 1.0)
    beyond: float = 2.0

    def __post_init__(self) -> None:
        width, lapse = max(self.widths), max(self.lapses)
        if lapse >= 0.5 or width * _logit(0.5 / (1 - lapse)) >= 1:
            raise ValueError(
                f"width {width:g} with lapse {lapse:g}: such a curve has no k50, not "
                "even at depth 0; take a smaller one of them"
            )


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


@functools.lru_cache(maxsize=256)
def weighted_log_likelihoods(grid: CurveGrid, depth: int) -> tuple[Floats, Floats]:
    """What one trial at `depth` counts; remembered, as searches return to depths."""
    trained, failed = grid.log_likelihoods(depth)
    return TRIAL_WEIGHT * trained, TRIAL_WEIGHT * failed


def _logit(p: Floats | float) -> Floats:
    odds: Floats = np.log(p) - np.log1p(-p)
    return odds


# For trials that the posterior did not choose. Those of a bisection lie far apart, a
# few at each depth, so they hardly tell how wide the fall is, and an island of success
# that the climb happens to meet passes for the limit. With wide curves held likelier,
# weights in proportion to the cube root of the width, intervals hold the true k50 in
# 85 to 95 % of simulated bisections, in the worst cell too, where `Prior()` gave 78 %.
WIDE_PRIOR = Prior(width_weights=tuple(w ** (1 / 3) for w in Prior().widths))
