"""The next depth by expected information about k50, per cost.

The width and the lapse are averaged over: what a trial tells of them alone earns
nothing, since a trial far down or far up tells much of them and little of k50 (Prins,
"The psi-marginal adaptive method", Journal of Vision 2013). Cost is the layers trained
plus an overhead, so a search climbs from shallow depths by itself.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from depthbench.curves.grid import CurveGrid, Floats, Prior
from depthbench.curves.model import CurvePosterior
from depthbench.spec import DepthGrid

Trials = Sequence[tuple[int, bool]]

NUM_WITNESSES = 3  # successes below k50, and failures above it
OVERHEAD_LAYERS = 5  # what a trial costs beyond its layers
CENSORED = 0.95  # probability that k50 is out of range

# How closely depths are compared. None of these touches the posterior itself.
MAX_BRANCHES = 16  # joint outcomes of pending trials that are kept
MAX_ROWS = 64  # of k50 that are distinguished
TAIL = 1e-4  # probability left out at each end of k50
REACH = 0.5  # how far from k50 a trial may tell of it, as a share
CHOICE_RATIO = 1.03  # between the depths to choose from, on a fine grid


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
    precision: float = 0.15
    max_trials: int = 40
    prior: Prior = field(default_factory=Prior)

    def posterior(self, observed: Trials) -> CurvePosterior:
        """What the trials (depth, trained) say."""
        return CurvePosterior.given(
            observed, shallowest=self.grid.start, deepest=self.cap, prior=self.prior
        )

    def is_settled(self, observed: Trials) -> bool:
        """Whether k50 is known precisely and witnessed, or known to be out of range."""
        return not self._open_sides(self.posterior(observed), observed)

    def next_depth(self, observed: Trials, pending: Sequence[int]) -> int | None:
        """The depth to train at next; None when no further trial should be begun.

        The same arguments give the same answer, whatever their order.

        Args:
            observed: Trials (depth, trained) that have ended.
            pending: Depths of trials that were begun and have not ended.
        """
        if len(observed) + len(pending) >= self.max_trials:
            return None
        posterior = self.posterior(observed)
        sides = self._open_sides(posterior, observed)
        if not sides:
            return None
        hint = self._hint(observed, pending)
        if hint is not None:
            return hint
        choices = _choices(self.grid, self.cap)
        worth = _information_per_layer(posterior, choices, tuple(sorted(pending)))
        is_open = np.zeros(len(choices), dtype=bool)
        for low, high in sides:
            is_open |= (low <= np.array(choices)) & (np.array(choices) <= high)
        return choices[int(np.argmax(np.where(is_open, worth, -1)))]

    def _hint(self, observed: Trials, pending: Sequence[int]) -> int | None:
        """An end of the bracket that is worth a look; the upper one if the lower is."""
        if self.bracket is None:
            return None
        tried = {depth for depth, _ in observed} | set(pending)
        low, high = self.bracket
        if low not in tried:
            return low
        has_failed = any(depth <= low and not trained for depth, trained in observed)
        return high if high not in tried and not has_failed else None

    def _open_sides(
        self, posterior: CurvePosterior, observed: Trials
    ) -> list[tuple[float, float]]:
        """Ranges of depths where trials are still wanted; none when k50 is settled."""
        if self._is_censored(posterior, observed):
            return []
        k50 = posterior.k50()
        if k50.low is None or k50.median is None or k50.high is None:
            return [(self.grid.start, self.cap)]
        tolerance = max(self.precision * k50.median, self.grid.step / 2)
        if max(k50.high - k50.median, k50.median - k50.low) > tolerance:
            return [(self.grid.start, self.cap)]
        below = sum(trained and depth <= k50.median for depth, trained in observed)
        above = sum(not trained and depth >= k50.median for depth, trained in observed)
        sides = [(self.grid.start, k50.median)] if below < NUM_WITNESSES else []
        return sides + ([(k50.median, self.cap)] if above < NUM_WITNESSES else [])

    def _is_censored(self, posterior: CurvePosterior, observed: Trials) -> bool:
        """Whether k50 is all but certainly above the cap or below the first depth."""
        rows = posterior.weights.sum(axis=1)
        for end, outside in (
            (self.grid.start, posterior.grid.k50 < self.grid.start),
            (self.cap, posterior.grid.k50 > self.cap),
        ):
            num_trials = sum(depth == end for depth, _ in observed)
            if num_trials >= NUM_WITNESSES and rows[outside].sum() >= CENSORED:
                return True
        return False


def information(branches: Floats, success: Floats) -> Floats:
    """Expected information of one more trial about the rows of k50, in nats.

    Args:
        branches: Joint probability of the outcomes of pending trials and of the
            states, `[branches, rows, columns]`, summing to 1.
        success: Chance to train in each state, `[rows, choices, columns]`.

    Returns:
        The mutual information of the trial's outcome and k50, given the outcomes of
        the pending trials, `[choices]`.
    """
    rows = branches.sum(axis=2)[:, None]  # [branches, 1, rows]
    states = np.ascontiguousarray(branches.transpose(1, 2, 0))
    # A product of matrices for each row: [branches, choices, rows].
    trained = np.ascontiguousarray(np.matmul(success, states).transpose(2, 1, 0))
    failed = np.maximum(rows - trained, 0)
    conditional = (_xlogx(trained) + _xlogx(failed) - _xlogx(rows)).sum(axis=2)
    marginal = (
        _xlogx(trained.sum(axis=2))
        + _xlogx(failed.sum(axis=2))
        - _xlogx(rows.sum(axis=2))
    )
    gain: Floats = (conditional - marginal).sum(axis=0)
    return gain


def _information_per_layer(
    posterior: CurvePosterior, choices: tuple[int, ...], pending: tuple[int, ...]
) -> Floats:
    """Expected information about k50 over cost, `[choices]`; 0 far from any k50."""
    mass = np.cumsum(posterior.weights.sum(axis=1))
    first, last = np.searchsorted(mass, (TAIL, 1 - TAIL)).tolist()
    # Where the posterior is wide, neighbouring rows count as one.
    stride = 1 + (last - first) // MAX_ROWS
    rows = slice(first + stride // 2, last + 1, stride)
    k50 = posterior.grid.k50[rows]
    starts = np.arange(first, first + stride * len(k50), stride)
    pooled = np.add.reduceat(posterior.weights[: last + 1], starts)
    branches = pooled[None] / pooled.sum()
    for depth in pending:
        branches = _branched(branches, posterior.grid.success(depth)[rows])
    depths = np.array(choices)
    low, high = np.searchsorted(
        depths, (k50[0] * (1 - REACH), k50[-1] * (1 + REACH))
    ).tolist()
    near = slice(min(low, len(depths) - 1), max(high, 1))
    gain = np.zeros(len(depths))
    table = _success_table(posterior.grid, choices)
    gain[near] = information(branches, table[rows, near])
    per_layer: Floats = gain / (depths + OVERHEAD_LAYERS)
    return per_layer


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


@functools.lru_cache(maxsize=8)
def _choices(grid: DepthGrid, cap: int) -> tuple[int, ...]:
    """Depths of the grid up to the cap; deep down, where they lie close, only some."""
    chosen: list[int] = []
    for depth in range(grid.start, cap + 1, grid.step):
        if not chosen or depth >= CHOICE_RATIO * chosen[-1] or depth == cap:
            chosen.append(depth)
    return tuple(chosen)


@functools.lru_cache(maxsize=4)
def _success_table(grid: CurveGrid, depths: tuple[int, ...]) -> Floats:
    """The chance to train of each state at each depth, `[rows, depths, columns]`."""
    rows, columns = grid.weights.shape
    table = np.empty((rows, len(depths), columns))
    for place, depth in enumerate(depths):
        table[:, place] = grid.success(depth)
    return table


def _xlogx(x: Floats) -> Floats:
    return x * np.log(np.maximum(x, 1e-300))
