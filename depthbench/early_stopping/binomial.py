"""A bound for a rate of which a few cases were counted."""

import math


def upper_bound(num_cases: int, num_trials: int, confidence: float) -> float:
    """The highest rate that so few cases leave possible; 1 without any trial.

    One-sided and exact (Clopper and Pearson, 1934): with any higher rate, as few cases
    would have had a chance below 1 - `confidence`.
    """
    if num_cases >= num_trials:
        return 1.0
    low, high = num_cases / num_trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if at_most(num_cases, num_trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def at_most(num_cases: int, num_trials: int, rate: float) -> float:
    """Chance of no more than `num_cases` in `num_trials` that each have `rate`."""
    return math.fsum(
        math.comb(num_trials, k) * rate**k * (1 - rate) ** (num_trials - k)
        for k in range(num_cases + 1)
    )
