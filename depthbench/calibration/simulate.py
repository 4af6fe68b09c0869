"""One simulated search on a truth, by either strategy."""

import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np

from depthbench.calibration.curves import Truth
from depthbench.curves import CurvePosterior, monotonicity_p_value
from depthbench.curves.grid import WIDE_PRIOR
from depthbench.record import Outcome
from depthbench.search import BracketSearch, PosteriorSearch
from depthbench.verdict import Verdict, judge

Method = Literal["posterior", "posterior_same_cost", "bisect"]
METHODS: tuple[Method, ...] = get_args(Method)

NUM_ALIKE = 10  # trials at the beginning of searches that are often the same

_NORMAL = NormalDist()

Trials = tuple[tuple[int, bool], ...]
Train = Callable[[int], bool]
Decisions = dict[Trials, int | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one search says of k50, and what it cost.

    Attributes:
        k50: None if the search ended without an answer.
        low: End of the 90 % interval; None is no bound.
        high: The other end.
        num_trials: Trainings.
        num_layers: Trained, over all trials; the cost.
        p_value: That the curve falls, of the posterior's own trials.
    """

    method: Method
    k50: float | None
    low: float | None
    high: float | None
    num_trials: int
    num_layers: int
    p_value: float | None = None

    def covers(self, k50: float) -> bool:
        """Whether the interval holds the truth."""
        return (self.low is None or self.low <= k50) and (
            self.high is None or k50 <= self.high
        )


def simulate(
    truth: Truth,
    search: PosteriorSearch,
    *,
    seed: int,
    num_searches: int,
    num_seeds: int,
    decisions: Decisions,
) -> list[Answer]:
    """Searches by each method.

    `posterior_same_cost` is the posterior's search, stopped before it would cost more
    than the bisections do on average. `bisect` answers with the middle of its bracket;
    its interval is what the report gives: the posterior of the bisection's own trials
    under `WIDE_PRIOR`.

    Args:
        truth: Decides how often a training succeeds.
        search: The posterior's; the bisection takes its depths and cap.
        seed: Of the calibration; each search and method has its own randomness.
        num_searches: By each method.
        num_seeds: Trainings that decide a depth in the bisection, by majority.
        decisions: Of `search`, by the trials seen; filled in here, as searches often
            begin alike.
    """
    name = zlib.crc32(truth.name.encode())

    def train(*stream: int) -> Train:
        return trainings(truth, np.random.default_rng([seed, name, *stream]))

    bracket = BracketSearch(grid=search.grid, cap=search.cap)
    answers: list[Answer] = []
    for number in range(num_searches):
        bisected, end = bisect_trials(bracket, train(number, 0), num_seeds)
        answers.append(_bisect_answer(search, bisected, end))
    budget = sum(answer.num_layers for answer in answers) / num_searches
    for number in range(num_searches):
        trials = posterior_trials(search, train(number, 1), decisions)
        cost = accumulate(depth for depth, _ in trials)
        num_afforded = sum(spent <= budget for spent in cost)
        p_value = monotonicity_p_value(trials)
        answers.append(_answer("posterior", search, trials, p_value=p_value))
        answers.append(_answer("posterior_same_cost", search, trials[:num_afforded]))
    return answers


def trainings(truth: Truth, generator: np.random.Generator) -> Train:
    """Draws whether a training at a depth succeeds.

    The n-th training at every depth has the n-th seed, which brings `seed_share` of
    the variance of its luck; see `calibration.seed_share`.
    """
    share = truth.seed_share
    if share == 0:
        return lambda depth: bool(generator.random() < truth.success(depth))
    seeds: list[float] = []
    num_tried: Counter[int] = Counter()

    def train(depth: int) -> bool:
        number = num_tried[depth]
        num_tried[depth] += 1
        if number == len(seeds):
            seeds.append(generator.standard_normal())
        own = generator.standard_normal()
        luck = math.sqrt(share) * seeds[number] + math.sqrt(1 - share) * own
        return _NORMAL.cdf(luck) < truth.success(depth)

    return train


def posterior_trials(
    search: PosteriorSearch, train: Train, decisions: Decisions
) -> Trials:
    """The trials of a whole search, one after the other."""
    trials: Trials = ()
    while True:
        seen = tuple(sorted(trials))
        depth = decisions.get(seen) or search.next_depth(trials, ())
        if len(seen) <= NUM_ALIKE:
            decisions[seen] = depth
        if depth is None:
            return trials
        trials = (*trials, (depth, train(depth)))


def bisect_trials(
    search: BracketSearch, train: Train, num_seeds: int
) -> tuple[Trials, BracketSearch]:
    """The trials of a whole bisection by majorities, and its end."""
    trials: Trials = ()
    while (probe := search.next()) is not None:
        results: list[bool] = []
        while True:
            outcomes = {
                seed: Outcome.TRAINED if trained else Outcome.STUCK
                for seed, trained in enumerate(results)
            }
            judgement = judge(
                outcomes, first_seed=0, num_seeds=num_seeds, confirm=probe.confirm
            )
            if judgement.verdict is not None:
                break
            results.extend(train(probe.depth) for _ in judgement.wanted)
        trials += tuple((probe.depth, trained) for trained in results)
        search = search.observe(probe.depth, judgement.verdict or Verdict.UNKNOWN)
    return trials, search


def num_layers(trials: Sequence[tuple[int, bool]]) -> int:
    """What the trials cost."""
    return sum(depth for depth, _ in trials)


def _answer(
    method: Method,
    search: PosteriorSearch,
    trials: Trials,
    *,
    p_value: float | None = None,
) -> Answer:
    k50 = search.posterior(trials).k50()
    return Answer(
        method,
        k50.median,
        k50.low,
        k50.high,
        num_trials=len(trials),
        num_layers=num_layers(trials),
        p_value=p_value,
    )


def _bisect_answer(
    search: PosteriorSearch, trials: Trials, end: BracketSearch
) -> Answer:
    k50 = CurvePosterior.given(
        trials, shallowest=search.grid.start, deepest=search.cap, prior=WIDE_PRIOR
    ).k50()
    has_bracket = end.trains is not None and end.fails is not None
    middle = (end.trains + end.fails) / 2 if has_bracket else None  # type: ignore[operator]
    return Answer(
        "bisect",
        middle,
        k50.low,
        k50.high,
        num_trials=len(trials),
        num_layers=num_layers(trials),
    )
