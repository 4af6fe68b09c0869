"""How the largest learning rate that still trains falls with depth."""

import functools
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depthbench.curves.model import INTERVAL, Estimate

Floats = NDArray[np.float64]

MIN_DEPTHS = 3
MARGIN = 1.25

# The states of the model: exponents, logarithms of the rate, widths, lapses.
EXPONENTS = np.linspace(-4, 1, 101)
NUM_RATES = 81
RATES_BEYOND = 2.5  # of the tried rates, as a logarithm, that are held possible
WIDTHS = np.array([0.03, 0.07, 0.15, 0.3, 0.6])
LAPSES = np.array([0.0, 0.05, 0.15])
LAPSE_WEIGHTS = np.array([4.0, 2.0, 1.0])


class RateOutcome(NamedTuple):
    """What came of one trial."""

    depth: int
    lr: float
    trained: bool


class StableRate(NamedTuple):
    """The fit of the largest stable learning rate, lr(k) = lr(depth) (k / depth)^b.

    Attributes:
        exponent: b.
        depth: The geometric mean of the depths of the trials.
        lr: At that depth.
        num_trials: That it rests on.
    """

    exponent: Estimate
    depth: float
    lr: Estimate
    num_trials: int


def about_large_rates(trials: Iterable[RateOutcome]) -> list[RateOutcome]:
    """The trials that speak of the largest rate that trains.

    Of a rate whose limit is its own: some smaller rate trained at least `MARGIN` times
    as deep as this one ever did. The limit of any other may be the architecture's,
    whatever the rate. And of those, a failure only where a smaller rate trained at the
    same depth or a deeper one.
    """
    known = list(trials)
    reached: dict[float, int] = {}
    for trial in known:
        depth = trial.depth if trial.trained else 0
        reached[trial.lr] = max(depth, reached.get(trial.lr, 0))

    def by_smaller(rate: float) -> int:
        return max((depth for lr, depth in reached.items() if lr < rate), default=0)

    return [
        trial
        for trial in known
        if by_smaller(trial.lr) > MARGIN * reached[trial.lr]
        and (trial.trained or by_smaller(trial.lr) >= trial.depth)
    ]


def fit_stable_rate(trials: Iterable[RateOutcome]) -> StableRate | None:
    """The exponent of the largest stable learning rate against depth.

    A trial at depth k and rate lr trains with probability

        (1 - lapse) F((log lr(k) - log lr) / width),    F(x) = 1 / (1 + exp(-x)),

    where lr(k) is a power of k: so at lr(k) half of all trainings that no lapse spoils
    succeed, and the largest rate at which a majority does is lr(k), or just below.
    The prior is flat in the logarithm of the rate and in the angle of the line, over
    exponents from -4 to 1, a few widths and a few lapses. The posterior rests on
    `about_large_rates`.

    Returns:
        None unless rates failed, for being large, at three depths or more.
    """
    return _fit(tuple(sorted(about_large_rates(trials))))


@functools.lru_cache(maxsize=64)
def _fit(used: tuple[RateOutcome, ...]) -> StableRate | None:
    """Remembered: every table and figure of a report asks for it."""
    if len({trial.depth for trial in used if not trial.trained}) < MIN_DEPTHS:
        return None
    depths = np.log([float(trial.depth) for trial in used])
    middle = float(depths.mean())
    logs = np.log([trial.lr for trial in used])
    rates = np.linspace(logs.min() - RATES_BEYOND, logs.max() + RATES_BEYOND, NUM_RATES)
    weights = _posterior(used, rates, middle)
    return StableRate(
        exponent=_estimate(EXPONENTS, weights.sum(axis=(0, 2, 3))),
        depth=float(np.exp(middle)),
        lr=Estimate(
            *np.exp(_points(rates, weights.sum(axis=(1, 2, 3)))).tolist(),
        ),
        num_trials=len(used),
    )


def _posterior(used: tuple[RateOutcome, ...], rates: Floats, middle: float) -> Floats:
    """Probability of each state, `[rates, exponents, widths, lapses]`."""
    shape = (len(rates), len(EXPONENTS), len(WIDTHS), len(LAPSES))
    prior = (1 + EXPONENTS**2)[:, None, None] ** -1.5 * LAPSE_WEIGHTS
    log_weights = np.zeros(shape) + np.log(prior)
    for (depth, lr, trained), number in sorted(Counter(used).items()):
        limit = rates[:, None] + EXPONENTS * (np.log(depth) - middle)
        x = (limit - np.log(lr))[:, :, None] / WIDTHS
        success = (1 - LAPSES) / (1 + np.exp(-np.clip(x, -500, 500)))[..., None]
        chance = success if trained else 1 - success
        log_weights += number * np.log(np.maximum(chance, 1e-300))
    weights = np.exp(log_weights - log_weights.max())
    normalized: Floats = weights / weights.sum()
    return normalized


def _estimate(values: Floats, weights: Floats) -> Estimate:
    """Percentiles; none within a step of the end of what is held possible."""
    low, median, high = _points(values, weights).tolist()
    step = values[1] - values[0]
    return Estimate(
        low if low > values[0] + step else None,
        median,
        high if high < values[-1] - step else None,
    )


def _points(values: Floats, weights: Floats) -> Floats:
    """Points of `INTERVAL`, each value's weight spread evenly around it."""
    step = values[1] - values[0]
    edges = np.append(values - step / 2, values[-1] + step / 2)
    points: Floats = np.interp(
        INTERVAL, np.concatenate([[0.0], np.cumsum(weights)]), edges
    )
    return points
