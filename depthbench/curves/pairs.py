"""Trials of two searches at the same depths and seeds, and what their pairs say."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """One depth and seed that was trained on both sides.

    Attributes:
        depth: Of both.
        a: Whether A's trial trained.
        b: Whether B's trial trained.
        is_shared: Whether the two are one training, so that they could not differ.
    """

    depth: int
    a: bool
    b: bool
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class PairCounts:
    """How many pairs there are of each kind."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "PairCounts":
        """Count `pairs`, shared ones included."""
        seen = [(pair.a, pair.b) for pair in pairs]
        return cls(
            both=seen.count((True, True)),
            only_a=seen.count((True, False)),
            only_b=seen.count((False, True)),
            neither=seen.count((False, False)),
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of the exact McNemar test; None without a pair.

        If A and B train equally often at every depth, a pair of which one side alone
        trained is as often A's as B's: a fair coin, whatever the pairs have in common.
        The value is the chance of a split of these pairs at least as uneven, so with
        fewer than five of them it cannot fall below 0.1. It takes pairs to be
        independent of each other and their number as given. In simulations of equal
        sides (`tests/simulated_pairs.py`, 12 settings of 100) it was at most 0.1 in
        0.05 of the comparisons in the worst setting.

        Source: McNemar, "Note on the sampling error of the difference between
        correlated proportions or percentages", Psychometrika 12, 1947; the exact,
        binomial form.
        """
        if self.total == 0:
            return None
        num_split = self.only_a + self.only_b
        fewer = min(self.only_a, self.only_b)
        tail = sum(math.comb(num_split, number) for number in range(fewer + 1))
        return min(1.0, math.ldexp(tail, 1 - num_split))
