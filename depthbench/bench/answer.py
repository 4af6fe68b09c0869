"""What a user waits for: the trainings of a whole search, by each strategy.

Searches are simulated, as `depthbench calibrate` does, on curves whose k50 is known;
their cost is the layers they train. With the steps of a stored benchmark it becomes
seconds on that machine: of depthbench, and of the baseline, were the same trainings
done by it, one after the other on one thread.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.stack import Stack
from depthbench.bench.measurement import our_side, summaries
from depthbench.bench.plan import Side
from depthbench.calibration.curves import Curve, Truth
from depthbench.calibration.simulate import (
    Train,
    Trials,
    bisect_trials,
    posterior_trials,
    trainings,
)
from depthbench.curves import CurvePosterior
from depthbench.report.table import Column, Table, shown, table_of_fields
from depthbench.search import BracketSearch, PosteriorSearch, registry
from depthbench.spec import DepthGrid

Strategy = Literal["bisect", "posterior"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

PRECISION = 0.15
STUDY = "study"

_SEARCH = PosteriorSearch(grid=DepthGrid(), cap=384, precision=PRECISION)
_BRACKET = BracketSearch(grid=DepthGrid(), cap=384)
_NUM_SEEDS = 3
_STEPS = 3 * 235  # of a trial: 3 epochs of MNIST in batches of 256
_WIDTH = 0.2  # of the fall of success, where a row of the study is simulated


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """Searches on one curve by one strategy; means over them.

    Attributes:
        truth: The curve; an architecture of the reference experiment, on a curve of
            width 20 % whose k50 is the notebook's own answer; or `study`, the sum
            over those eight.
        num_layers: Trained by a search, over all of its trials.
        precise: Share of searches whose 90 % interval is within 15 % of its median,
            or within half a step of the grid.
        coverage: Share of intervals that hold k50.
        baseline_seconds: That the trials take by the baseline, each in full; None for
            a curve that is of no architecture, or without a stored benchmark.
        depthbench_seconds: The same of depthbench.
    """

    strategy: Strategy
    truth: str
    num_searches: int
    num_trials: float
    num_layers: float
    precise: float
    coverage: float
    baseline_seconds: float | None = None
    depthbench_seconds: float | None = None


def answer_rows(
    truths: Iterable[Truth],
    benchmark: pd.DataFrame | None,
    *,
    num_searches: int,
    seed: int = 0,
) -> list[AnswerRow]:
    """Rows of the curves, then of the eight architectures and of their study.

    Args:
        truths: Curves of no architecture.
        benchmark: What `bench.csv` holds; None gives no seconds.
        num_searches: On each curve, by each strategy.
        seed: Of all randomness.
    """
    rows = [
        _row(truth.name, truth, strategy, num_searches, seed)
        for truth in truths
        for strategy in STRATEGIES
    ]
    for strategy in STRATEGIES:
        mine = []
        for stack in NOTEBOOK_STACKS:
            assert stack.reference is not None
            curve = Curve(sum(stack.reference) / 2, _WIDTH)
            row = _row(stack.name, curve, strategy, num_searches, seed)
            mine.append(_timed(row, stack, benchmark))
        rows += [*mine, _sum(mine)]
    return rows


def _row(
    name: str, truth: Truth, strategy: Strategy, num_searches: int, seed: int
) -> AnswerRow:
    searches = []
    for number in range(num_searches):
        source = [seed, zlib.crc32(truth.name.encode()), number]
        train = trainings(truth, np.random.default_rng(source))
        searches.append(_SEARCHES[strategy](train))
    found = [_interval(strategy, trials) for trials in searches]
    return AnswerRow(
        strategy=strategy,
        truth=name,
        num_searches=num_searches,
        num_trials=_mean(len(trials) for trials in searches),
        num_layers=_mean(sum(depth for depth, _ in trials) for trials in searches),
        precise=_mean(_is_precise(*interval) for interval in found),
        coverage=_mean(low <= truth.k50 <= high for low, _, high in found),
    )


_SEARCHES: dict[Strategy, Callable[[Train], Trials]] = {
    "bisect": lambda train: bisect_trials(_BRACKET, train, _NUM_SEEDS)[0],
    "posterior": lambda train: posterior_trials(_SEARCH, train, {}),
}


def _interval(strategy: Strategy, trials: Trials) -> tuple[float, float, float]:
    """Low, median and high of k50 as the report gives it; open ends are infinite."""
    prior = registry.STRATEGIES[strategy].prior
    k50 = CurvePosterior.given(
        trials, shallowest=_SEARCH.grid.start, deepest=_SEARCH.cap, prior=prior
    ).k50()
    low, high = k50.low or 0.0, k50.high or float("inf")
    return low, low if k50.median is None else k50.median, high


def _is_precise(low: float, median: float, high: float) -> bool:
    tolerance = max(PRECISION * median, _SEARCH.grid.step / 2)
    return max(high - median, median - low) <= tolerance


def _timed(row: AnswerRow, stack: Stack, benchmark: pd.DataFrame | None) -> AnswerRow:
    """With seconds, by the steps of the measured network most like the stack."""
    if benchmark is None:
        return row
    ours = our_side(benchmark)
    steps = [
        s for s in summaries(benchmark) if (s.part, s.metric) == ("step", "ms_per_step")
    ]
    like = _most_like(stack, [s.architecture for s in steps])
    seconds = {
        s.side: 1e-3 * s.median / s.depth * _STEPS * row.num_layers
        for s in steps
        if s.architecture == like
    }
    values = asdict(row) | {
        "baseline_seconds": seconds.get(Side.BASELINE),
        "depthbench_seconds": seconds.get(ours),
    }
    return AnswerRow(**values)


def _most_like(stack: Stack, names: Sequence[str]) -> str | None:
    """The measured network whose blocks agree in norm, skip and activation, if any."""
    stacks = {each.name: each for each in NOTEBOOK_STACKS if each.name in names}

    def likeness(name: str) -> tuple[bool, bool, bool]:
        other = stacks[name]
        return (
            other.batch_norm == stack.batch_norm,
            other.skip == stack.skip,
            other.activation == stack.activation,
        )

    return max(stacks, key=likeness, default=None)


def _sum(rows: Sequence[AnswerRow]) -> AnswerRow:
    def total(name: str) -> float | None:
        values = [getattr(row, name) for row in rows]
        return None if None in values else sum(values)

    return AnswerRow(
        strategy=rows[0].strategy,
        truth=STUDY,
        num_searches=rows[0].num_searches,
        num_trials=sum(row.num_trials for row in rows),
        num_layers=sum(row.num_layers for row in rows),
        precise=_mean(row.precise for row in rows),
        coverage=_mean(row.coverage for row in rows),
        baseline_seconds=total("baseline_seconds"),
        depthbench_seconds=total("depthbench_seconds"),
    )


def answer_table(rows: Sequence[AnswerRow]) -> Table[AnswerRow]:
    """The table in `answer.csv`; people read hours of the trainings of a search."""
    return table_of_fields(AnswerRow, rows, _SHOWN)


_SHOWN: tuple[Column[AnswerRow], ...] = (
    shown("strategy", "text", lambda row: row.strategy),
    shown("curve", "text", lambda row: row.truth),
    shown("trials", "count", lambda row: f"{row.num_trials:.1f}"),
    shown("layers trained", "count", lambda row: f"{row.num_layers:,.0f}"),
    shown("within 15 %", "fraction", lambda row: f"{100 * row.precise:.0f} %"),
    shown("coverage", "fraction", lambda row: f"{100 * row.coverage:.0f} %"),
    shown("baseline, hours", "", lambda row: _hours(row.baseline_seconds)),
    shown("depthbench, hours", "", lambda row: _hours(row.depthbench_seconds)),
)


def _hours(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 3600:.2f}"


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
