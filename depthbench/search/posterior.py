"""The next depth by expected information about k50, per cost."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthbench.search.curve import CurveGrid, CurvePosterior, Prior
from depthbench.spec import DepthGrid

Floats = NDArray[np.float64]

NUM_WITNESSES = 3  # successes below k50, and failures above it
OVERHEAD_LAYERS = 5  # what a trial costs beyond its layers
MAX_BRANCHES = 16  # joint outcomes of pending trials that are kept
CENSORED_PROBABILITY = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PosteriorSearch:
    """A search that spends each trial where it tells most about k50 per cost.

    Attributes:
        grid: Depths that exist.
        cap: The deepest depth to try; on the grid.
        bracket: Where to begin, a hint; on the grid.
        precision: The search ends when the 90 % interval of k50 is within this
            fraction of its median, or within half a step of the grid.
        max_trials: It ends after this many trials in any case.
        prior: Before any trial.
    """

    grid: DepthGrid
    cap: int
    bracket: tuple[int, int] | None = None
    precision: float = 0.10
    max_trials: int = 40
    prior: Prior = field(default_factory=Prior)

    @property
    def depths(self) -> range:
        """The depths to choose from."""
        return range(self.grid.start, self.cap + 1, self.grid.step)

    def posterior(self, observed: Sequence[tuple[int, bool]]) -> CurvePosterior:
        """What the trials (depth, trained) say."""
        return CurvePosterior.given(
            observed, shallowest=self.grid.start, deepest=self.cap, prior=self.prior
        )

    def is_settled(self, observed: Sequence[tuple[int, bool]]) -> bool:
        """Whether k50 is known precisely and witnessed, or known to be out of range."""
        posterior = self.posterior(observed)
        if self._is_censored(posterior, observed):
            return True
        return self._is_precise(posterior) and not self._missing(posterior, observed)

    def next_depth(
        self, observed: Sequence[tuple[int, bool]], pending: Sequence[int]
    ) -> int | None:
        """The depth to train at next; None when no further trial should be begun.

        The same arguments give the same answer, whatever their order.

        Args:
            observed: Trials (depth, trained) that have ended.
            pending: Depths of trials that were begun and have not ended.
        """
        if len(observed) + len(pending) >= self.max_trials:
            return None
        posterior = self.posterior(observed)
        if self._is_censored(posterior, observed):
            return None
        choices = np.array(self.depths)
        if self._is_precise(posterior):
            missing = self._missing(posterior, observed)
            if not missing:
                return None
            choices = choices[[depth in missing for depth in self.depths]]
        return int(choices[np.argmax(self._worth(posterior, pending, choices))])

    def _worth(
        self,
        posterior: CurvePosterior,
        pending: Sequence[int],
        choices: NDArray[np.int_],
    ) -> Floats:
        table = _success_table(posterior.grid, self.depths)
        rows = np.flatnonzero(posterior.weights.sum(axis=1) > 1e-7)
        part = slice(rows[0], rows[-1] + 1)
        places = (choices - self.grid.start) // self.grid.step
        branches = posterior.weights[None, part]
        for depth in sorted(pending):
            place = (depth - self.grid.start) // self.grid.step
            branches = _branched(branches, table[place, part])
        success = table[places][:, part]
        return information(branches, success) / (choices + OVERHEAD_LAYERS)

    def _is_precise(self, posterior: CurvePosterior) -> bool:
        k50 = posterior.k50()
        if k50.low is None or k50.median is None or k50.high is None:
            return False
        tolerance = max(self.precision * k50.median, self.grid.step / 2)
        return max(k50.high - k50.median, k50.median - k50.low) <= tolerance

    def _missing(
        self, posterior: CurvePosterior, observed: Sequence[tuple[int, bool]]
    ) -> set[int]:
        """Depths on the sides of k50 that have too few witnesses."""
        k50 = posterior.k50().median
        if k50 is None:
            return set(self.depths)
        below = sum(trained and depth <= k50 for depth, trained in observed)
        above = sum(not trained and depth >= k50 for depth, trained in observed)
        return {
            depth
            for depth in self.depths
            if (below < NUM_WITNESSES and depth <= k50)
            or (above < NUM_WITNESSES and depth >= k50)
        }

    def _is_censored(
        self, posterior: CurvePosterior, observed: Sequence[tuple[int, bool]]
    ) -> bool:
        """Whether k50 lies below the first or above the last depth, beyond doubt."""
        k50, mass = posterior.grid.k50, posterior.weights.sum(axis=1)
        for end, outside in (
            (self.grid.start, k50 < self.grid.start),
            (self.cap, k50 > self.cap),
        ):
            num_trials = sum(depth == end for depth, _ in observed)
            if (
                num_trials >= NUM_WITNESSES
                and mass[outside].sum() >= CENSORED_PROBABILITY
            ):
                return True
        return False


def information(branches: Floats, success: Floats) -> Floats:
    """Expected information of one more trial about the rows of k50, in nats.

    Args:
        branches: Joint probability of the outcomes of pending trials and of the
            states, `[branches, rows, columns]`, summing to 1.
        success: Chance to train in each state, `[choices, rows, columns]`.

    Returns:
        The mutual information of the trial's outcome and k50, given the outcomes of
        the pending trials, `[choices]`.
    """
    rows = branches.sum(axis=2)[:, None]  # [branches, 1, rows]
    # A product of matrices for each row: [rows, branches, choices].
    trained = np.matmul(branches.transpose(1, 0, 2), success.transpose(1, 2, 0))
    trained = trained.transpose(1, 2, 0)  # [branches, choices, rows]
    failed = np.maximum(rows - trained, 0)
    conditional = (_xlogx(trained) + _xlogx(failed) - _xlogx(rows)).sum(axis=2)
    marginal = (
        _xlogx(trained.sum(axis=2))
        + _xlogx(failed.sum(axis=2))
        - _xlogx(rows.sum(axis=2))
    )
    gain: Floats = (conditional - marginal).sum(axis=0)
    return gain


def _branched(branches: Floats, success: Floats) -> Floats:
    """Both outcomes of one more pending trial in each branch; the likeliest are kept.

    Exact up to `MAX_BRANCHES` joint outcomes.
    """
    both = np.concatenate([branches * success, branches * (1 - success)])
    if len(both) > MAX_BRANCHES:
        likeliest = np.argsort(-both.sum(axis=(1, 2)), kind="stable")[:MAX_BRANCHES]
        both = both[np.sort(likeliest)]
    normalized: Floats = both / both.sum()
    return normalized


@functools.lru_cache(maxsize=4)
def _success_table(grid: CurveGrid, depths: range) -> NDArray[Any]:
    """The chance to train of each state at each depth, `[depths, rows, columns]`."""
    table = np.empty((len(depths), *grid.weights.shape), dtype=np.float32)
    for place, depth in enumerate(depths):
        table[place] = grid.success(depth)
    return table


def _xlogx(x: Floats) -> Floats:
    return x * np.log(np.maximum(x, 1e-300))
