"""How much of a training's luck its seed carries from one depth to another.

A training succeeds if its luck z, standard normal, stays below a threshold that falls
with depth: p(k) = P(z < t(k)), with p as in `depthbench.curves.model`. The luck is
z = sqrt(share) u + sqrt(1 - share) e, where u belongs to the seed, at all depths of one
cell, and e to the one training. So `share` is the part of the latent variance that
belongs to the seed, and the tetrachoric correlation of two outcomes of one seed; at
share 0 trainings are independent, as the fit of k50 takes them to be.

This is the probit model with a random effect (Butler and Moffitt, "A computationally
efficient quadrature procedure for the one-factor multinomial probit model",
Econometrica 1982, whose quadrature is used here). The curve of each cell is averaged
over, with the prior of the fit, which leaves an integrated likelihood of the share
(Berger, Liseo and Wolpert, "Integrated likelihood methods for eliminating nuisance
parameters", Statistical Science 1999): that most seeds train at a shallow depth and
fail at a deep one is the curve's doing, and is no correlation.
"""

from collections import Counter
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

from depthbench.curves.grid import CurveGrid, Floats, Prior

SHARES: Floats = np.linspace(0, 0.96, 25)

# A share is within the 90 % interval if its log likelihood is at most this much below
# the highest: half the 90 % point of the chi-squared distribution (Wilks, 1938).
_DROP = 1.353

_NUM_NODES = 31
_NEGLIGIBLE = 15.0  # nats below the likeliest curve, at which one is left out
_ROWS_APART = 4  # of the grid of k50: a tenth of k50 is fine enough for a nuisance


class Alike(NamedTuple):
    """Seeds tried at two depths, and how many of them ended alike at both.

    Attributes:
        num_pairs: Two depths and a seed that was tried at both.
        num_alike: Those that trained at both or failed at both.
        expected: How many would on average, were each depth's outcomes dealt out anew
            among the seeds.
    """

    num_pairs: int
    num_alike: int
    expected: float


class ShareEstimate(NamedTuple):
    """The likeliest share and its 90 % interval, fractions.

    Attributes:
        low: 0 where the trials do not exclude independence.
        share: Of greatest likelihood.
        high: 0.96 at most, the largest share that is compared.
    """

    low: float
    share: float
    high: float


def alike(trials: pd.DataFrame) -> Alike:
    """Pairs of depths in one cell; a seed that was tried at three depths has three.

    Args:
        trials: A row a training: its depth and seed, and whether it trained.
    """
    pairs = trials.merge(trials, on="seed", suffixes=("", "_deeper"))
    pairs = pairs[pairs["depth"] < pairs["depth_deeper"]]
    same = pairs["trained"] == pairs["trained_deeper"]
    depths = pairs.groupby(["depth", "depth_deeper"])
    num = depths.size()
    first, second = depths["trained"].sum(), depths["trained_deeper"].sum()
    by_chance = (first * second + (num - first) * (num - second)) / num
    return Alike(len(pairs), int(same.sum()), float(by_chance.sum()))


def log_likelihood(trials: pd.DataFrame) -> Floats:
    """The log likelihood of each of `SHARES`, given the trials of one cell.

    The cell's curve is averaged over.

    Args:
        trials: As for `alike`.
    """
    depths = sorted(trials["depth"].unique())
    grid = CurveGrid.of(Prior(), depths[0], depths[-1])
    chances = np.stack([grid.success(depth)[::_ROWS_APART].ravel() for depth in depths])
    log_prior = np.log(grid.weights[::_ROWS_APART].ravel())
    # What each seed did, as (place of the depth, trained), and how many did so.
    patterns = Counter(
        tuple(zip(each["depth"].map(depths.index), each["trained"], strict=True))
        for _, each in trials.sort_values("depth").groupby("seed")
    )
    thresholds = _normal_quantile(chances)
    independent = log_prior + _log_chances(patterns, thresholds, 0.0)
    likely = independent > independent.max() - _NEGLIGIBLE
    return np.array(
        [
            _log_sum_exp(
                log_prior[likely] + _log_chances(patterns, thresholds[:, likely], share)
            )
            for share in SHARES
        ]
    )


def estimate(log_likelihoods: Floats) -> ShareEstimate:
    """From the log likelihoods of `SHARES`, added over cells."""
    inside = SHARES[log_likelihoods >= log_likelihoods.max() - _DROP]
    mode = SHARES[int(np.argmax(log_likelihoods))]
    return ShareEstimate(float(inside[0]), float(mode), float(inside[-1]))


Patterns = Counter[tuple[tuple[int, bool], ...]]


def _log_chances(patterns: Patterns, thresholds: Floats, share: float) -> Floats:
    """The log likelihood of each state; thresholds are `[depths, states]`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NUM_NODES)
    luck = np.sqrt(share) * nodes[:, None]
    # [depths, nodes, states]: the chance to train, given what the seed brings.
    given_seed = _normal_cdf((thresholds[:, None] + luck) / np.sqrt(1 - share))
    total = np.zeros(thresholds.shape[1])
    for pattern, count in patterns.items():
        product = np.ones(given_seed.shape[1:])
        for depth, trained in pattern:
            product *= given_seed[depth] if trained else 1 - given_seed[depth]
        mean = weights @ product / weights.sum()
        total += count * np.log(np.maximum(mean, 1e-300))
    return total


_TABLE_X: Floats = np.linspace(-9, 9, 18_001)
_TABLE_P: Floats = np.array([NormalDist().cdf(x) for x in _TABLE_X])


def _normal_cdf(x: Floats) -> Floats:
    found: Floats = np.interp(x, _TABLE_X, _TABLE_P)
    return found


def _normal_quantile(p: Floats) -> Floats:
    found: Floats = np.interp(p, _TABLE_P[1000:-1000], _TABLE_X[1000:-1000])
    return found


def _log_sum_exp(values: Floats) -> float:
    highest = values.max()
    return float(highest + np.log(np.exp(values - highest).sum()))
