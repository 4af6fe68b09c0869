"""One simulated search on a truth, by either strategy."""

import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from statistics import NormalDist
from typing import Literal, NamedTuple, get_args

import numpy as np

from depthbench.calibration.curves import Truth
from depthbench.curves import CurvePosterior, Estimate, monotonicity_p_value
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


class Answer(NamedTuple):
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
        trials, end = bisect_trials(bracket, train(number, 0), num_seeds)
        k50 = CurvePosterior.given(
            trials, shallowest=search.grid.start, deepest=search.cap, prior=WIDE_PRIOR
        ).k50()
        answers.append(_answer("bisect", trials, replace(k50, median=_middle(end))))
    budget = sum(answer.num_layers for answer in answers) / num_searches
    for number in range(num_searches):
        trials = posterior_trials(search, train(number, 1), decisions)
        cost = accumulate(depth for depth, _ in trials)
        afforded = trials[: sum(spent <= budget for spent in cost)]
        whole = _answer("posterior", trials, search.posterior(trials).k50())
        answers.append(whole._replace(p_value=monotonicity_p_value(trials)))
        k50 = search.posterior(afforded).k50()
        answers.append(_answer("posterior_same_cost", afforded, k50))
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


def _answer(method: Method, trials: Trials, k50: Estimate) -> Answer:
    cost = num_layers(trials)
    return Answer(method, k50.median, k50.low, k50.high, len(trials), cost)


def _middle(end: BracketSearch) -> float | None:
    if end.trains is None or end.fails is None:
        return None
    return (end.trains + end.fails) / 2
