"""How much deeper one side trains than the other: the posterior of k50_B / k50_A."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depthbench.curves.model import CurvePosterior, Estimate
from depthbench.curves.pairs import Pair

Floats = NDArray[np.float64]

# How often one luck decides both trials of a pair, and the weight of each value: two
# architectures may have no luck in common, two versions of one nearly all.
DEPENDENCES = (0.0, 0.25, 0.5, 0.75, 0.95)
DEPENDENCE_WEIGHTS = (4.0, 1.0, 1.0, 1.0, 1.0)
_NEGLIGIBLE = 1e-9  # weight of a row that is left out
_RELATIVE_STEP = 0.01  # between ratios at which their distribution is kept
_MAX_IGNORANCE = 0.5


@dataclass(frozen=True, slots=True)
class RatioPosterior:
    """What trials on both sides say about k50_B / k50_A.

    Attributes:
        ratio: Its 5 %, 50 % and 95 % points; see `compare_curves` for bounds.
        probability_b_deeper: That it is above 1. Of all values that agree with the
            evidence, the one nearest to one half; None where nearly all do.
    """

    ratio: Estimate
    probability_b_deeper: float | None


SAME_TRIALS = RatioPosterior(Estimate(1.0, 1.0, 1.0), 0.5)


def compare_curves(
    a: CurvePosterior, b: CurvePosterior, pairs: Sequence[Pair]
) -> RatioPosterior:
    """The posterior of the ratio, exact on the grids of the two curves: no sampling.

    Pairs share their luck (the order of the data, and what the initial weights have in
    common), so that a difference between two sides is known better than either of
    them. The model: with a probability r one uniform number decides both trials of a
    pair, else each has its own; so both train with probability
    r min(p_A, p_B) + (1 - r) p_A p_B. r is unknown (`DEPENDENCES`), and 1 for a
    training that both sides share. In this correction, not in the curves themselves,
    p_A and p_B are averages over width and lapse for each k50.

    Beyond the depths of a search nothing is known of its k50: it may be arbitrarily
    far. So a side without a success or without a failure, or whose k50 may well lie
    beyond its depths, gives a bound or nothing; the median is given only between two
    k50s that have one.

    Measured by `tests/simulated_pairs.py`, which says with what: in 36 settings of 100
    simulated comparisons each, the interval held the true ratio in 0.97 of them, on
    average, and in 0.88 in the worst setting (many pairs without any common luck; 0.92
    there if the pairs are left out). After `bisect` and `posterior` it is wider than it
    need be: 0.94 at the least. Where 0.9 of the luck's variance was common, with a
    width of 0.15 and no difference, pairs shortened the interval by 34 % under a grid
    of 52 pairs, by 20 % under `posterior` (19 pairs), and not under `bisect` (17).

    Args:
        a: Given the trials of A.
        b: Given those of B.
        pairs: Trials among these at the same depth with the same seed.
    """
    rows_a, rows_b = _likely_rows(a), _likely_rows(b)
    joint = _joint(a, b, rows_a, rows_b, pairs)
    depths_a, depths_b = a.grid.k50[rows_a][:, None], b.grid.k50[rows_b][None, :]
    (first_a, last_a), (first_b, last_b) = a.range, b.range
    # What the ratio is at least and at most, if k50 can be anywhere beyond the depths.
    least = np.where(
        (depths_a > last_a) | (depths_b < first_b),
        -np.inf,
        np.log(np.minimum(depths_b, last_b) / np.maximum(depths_a, first_a)),
    )
    most = np.where(
        (depths_b > last_b) | (depths_a < first_a),
        np.inf,
        np.log(np.maximum(depths_b, first_b) / np.minimum(depths_a, last_a)),
    )
    low = _quantile(least, joint, 0.05) if a.num_failed and b.num_trained else -np.inf
    high = _quantile(most, joint, 0.95) if a.num_trained and b.num_failed else np.inf
    has_median = None not in (a.k50().median, b.k50().median)
    middle = _quantile(np.log(depths_b / depths_a), joint, 0.5)
    return RatioPosterior(
        Estimate(
            float(np.exp(low)) if np.isfinite(low) else None,
            float(np.exp(middle)) if has_median else None,
            float(np.exp(high)) if np.isfinite(high) else None,
        ),
        _nearest_to_half(_share_above(least, joint), _share_above(most, joint)),
    )


def _likely_rows(curve: CurvePosterior) -> NDArray[np.intp]:
    """The rows of k50 that are not ruled out."""
    return np.flatnonzero(curve.weights.sum(axis=1) > _NEGLIGIBLE)


def _joint(
    a: CurvePosterior,
    b: CurvePosterior,
    rows_a: NDArray[np.intp],
    rows_b: NDArray[np.intp],
    pairs: Sequence[Pair],
) -> Floats:
    """Joint probability of the two k50s, `[rows of a, rows of b]`, summing to 1."""
    weights_a = a.weights.sum(axis=1)[rows_a]
    weights_b = b.weights.sum(axis=1)[rows_b]
    shares = np.array(DEPENDENCES)[:, None, None]
    prior = np.array(DEPENDENCE_WEIGHTS)[:, None, None]
    joint: Floats = prior * (weights_a[:, None] * weights_b)
    for pair, count in sorted(Counter(pairs).items()):
        gain = _gain(
            _success(a, rows_a, pair.depth)[:, None],
            _success(b, rows_b, pair.depth)[None, :],
            pair,
        )
        share = 1.0 if pair.is_shared else shares
        joint *= (1 - share + share * gain) ** count
        joint /= joint.sum()
    both: Floats = joint.sum(axis=0) / joint.sum()
    return both


def _success(curve: CurvePosterior, rows: NDArray[np.intp], depth: int) -> Floats:
    """Mean chance to train at `depth` for each k50, away from 0 and 1, `[rows]`."""
    weights = curve.weights[rows]
    chance = (weights * curve.grid.success(depth)[rows]).sum(axis=1)
    mean: Floats = (chance / weights.sum(axis=1)).clip(1e-9, 1 - 1e-9)
    return mean


def _gain(chance_a: Floats, chance_b: Floats, pair: Pair) -> Floats:
    """Likelihood of a pair with one luck, over that of a pair with two.

    One uniform number decides both: each side trains where it is below its chance.
    """
    own_a = chance_a if pair.a else 1 - chance_a
    own_b = chance_b if pair.b else 1 - chance_b
    if pair.a == pair.b:
        together = np.minimum(own_a, own_b)
    else:
        sign = 1 if pair.a else -1
        together = np.maximum(sign * (chance_a - chance_b), 0)
    gain: Floats = together / (own_a * own_b)
    return gain


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """A point of weighted values, infinite ones too, as if each were smeared a little.

    Without that, the lattice of differences between two grids would show.
    """
    finite = np.isfinite(values)
    below = float(weights[values == -np.inf].sum())
    total = float(weights[finite].sum())
    if share <= below:
        return -np.inf
    if share >= below + total:
        return np.inf
    places = values[finite] / _RELATIVE_STEP
    first = int(np.floor(places.min()))
    cells = np.floor(places).astype(int) - first
    part = places - first - cells
    mass = np.bincount(cells, weights[finite] * (1 - part), cells.max() + 2)
    mass += np.bincount(cells + 1, weights[finite] * part, cells.max() + 2)
    ends = np.concatenate([[0.0], np.cumsum(mass)]) + below
    edges = (first - 0.5 + np.arange(len(mass) + 1)) * _RELATIVE_STEP
    return float(np.interp(share, ends, edges))


def _share_above(values: Floats, weights: Floats) -> float:
    """The weight of the values above 0, and half of that at 0."""
    is_zero = np.abs(values) < 1e-9
    return float(weights[(values > 0) & ~is_zero].sum() + weights[is_zero].sum() / 2)


def _nearest_to_half(low: float, high: float) -> float | None:
    if high - low > _MAX_IGNORANCE:
        return None
    return sorted((low, 0.5, high))[1]
