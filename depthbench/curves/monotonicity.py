"""Whether trials contradict that deeper networks train less often."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NUM_BOOTSTRAPS = 1000
_SEED = 20_010_826


def falling_fit(trained: Floats, total: Floats) -> Floats:
    """The non-increasing success probabilities of greatest likelihood.

    Isotonic regression of the frequencies, weighted by their trials, which for
    binomial data is the maximum-likelihood fit; by its min-max formula, the same as
    the result of pooling adjacent violators (Barlow et al., "Statistical inference
    under order restrictions", 1972).

    Args:
        trained: Successes at each depth, rising depths last, `[..., depths]`.
        total: Trials at each depth, positive, `[depths]`.
    """
    num = total.shape[-1]
    sums = np.zeros((*trained.shape[:-1], num + 1))
    np.cumsum(trained, axis=-1, out=sums[..., 1:])
    trials = np.concatenate([[0.0], np.cumsum(total)])
    fit = np.full(trained.shape, np.inf)
    for first in range(num):
        means = (sums[..., first + 1 :] - sums[..., first, None]) / (
            trials[first + 1 :] - trials[first]
        )
        best = np.maximum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
        np.minimum(fit[..., first:], best, out=fit[..., first:])
    return fit


def monotonicity_p_value(observations: Sequence[tuple[int, bool]]) -> float | None:
    """How often a curve that never rises would look as much like a rising one.

    The statistic is the likelihood ratio of a free success probability at each depth
    against the best non-increasing curve; its distribution comes from a parametric
    bootstrap of that curve at the same depths, with a fixed seed, so the same trials
    always give the same value. It treats the depths as if chosen beforehand.

    Args:
        observations: Trials (depth, trained), in any order.

    Returns:
        The p-value, in (0, 1]; None with fewer than two depths.
    """
    depths = sorted({depth for depth, _ in observations})
    if len(depths) < 2:
        return None
    trials = [[good for depth, good in observations if depth == d] for d in depths]
    total = np.array([len(each) for each in trials], dtype=float)
    trained = np.array([sum(each) for each in trials], dtype=float)
    curve = falling_fit(trained, total)
    observed = _ratio(trained, total)
    generator = np.random.default_rng(_SEED)
    shape = (NUM_BOOTSTRAPS, len(depths))
    again = generator.binomial(total.astype(int), curve.clip(0, 1), size=shape)
    # The same sums in another order differ in their last digits.
    as_extreme = _ratio(again.astype(float), total) >= observed - 1e-9
    return float((1 + as_extreme.sum()) / (1 + NUM_BOOTSTRAPS))


def _ratio(trained: Floats, total: Floats) -> Floats:
    """Log likelihood given up by the non-increasing fit, `[...]`, at least 0."""
    fit = falling_fit(trained, total)
    free = trained / total
    failed = total - trained
    gain = trained * (_log(free) - _log(fit)) + failed * (
        _log(1 - free) - _log(1 - fit)
    )
    loss: Floats = gain.sum(axis=-1)
    return loss


def _log(p: Floats) -> Floats:
    """The logarithm; of 0 it is large, and only ever multiplied by no trials."""
    return np.log(np.maximum(p, 1e-300))
