"""What a user waits for: the trainings of a whole search, by each strategy.

Searches are simulated, as `depthbench calibrate` does, on curves whose k50 is known;
their cost is the layers they train. With the steps of a stored benchmark it becomes
seconds on that machine: of depthbench, and of the baseline, were the same trainings
done by it, one after the other on one thread.
"""

import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.stack import Stack
from depthbench.bench.measurement import metric_of, our_side, summaries
from depthbench.bench.plan import Side
from depthbench.calibration.curves import Curve, Truth
from depthbench.calibration.simulate import (
    Train,
    Trials,
    bisect_trials,
    num_layers,
    posterior_trials,
    trainings,
)
from depthbench.curves import CurvePosterior
from depthbench.report.table import Column, Table, shown
from depthbench.search import BracketSearch, PosteriorSearch, registry
from depthbench.spec import DepthGrid

Strategy = Literal["bisect", "posterior"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

PRECISION = 0.15
STUDY = "study"

_SEARCH = PosteriorSearch(grid=DepthGrid(), cap=384, precision=PRECISION)
_BRACKET = BracketSearch(grid=DepthGrid(), cap=384)
_NUM_SEEDS = 3
_SEED = 0  # of all randomness
_STEPS = 3 * 235  # of a trial: 3 epochs of MNIST in batches of 256
_WIDTH = 0.2  # of the fall of success, where a row of the study is simulated


_COSTS = ["num_trials", "num_layers", "baseline_seconds", "depthbench_seconds"]
COLUMNS = [
    *("strategy", "truth", "num_searches", "num_trials", "num_layers"),
    *("precise", "coverage", "baseline_seconds", "depthbench_seconds"),
]


def answer_rows(
    truths: Iterable[Truth],
    benchmark: pd.DataFrame | None,
    *,
    num_searches: int,
) -> pd.DataFrame:
    """Rows of the curves, then of the eight architectures and of their study.

    The columns are `COLUMNS`, means over the searches on one curve by one strategy.
    truth is the curve; an architecture of the reference experiment, on a curve of
    width 20 % whose k50 is the notebook's own answer; or `study`, the sum over those
    eight. num_layers are trained by a search, over all of its trials; precise is the
    share of searches whose 90 % interval is within 15 % of its median, or within half
    a step of the grid; coverage, the share of intervals that hold k50. The seconds are
    those of the trials, each in full, by the baseline and by depthbench; NaN for a
    curve that is of no architecture, or without a stored benchmark.

    Args:
        truths: Curves of no architecture.
        benchmark: What `bench.csv` holds; None gives no seconds.
        num_searches: On each curve, by each strategy.
    """
    rows = [
        _row(truth, strategy, num_searches)
        for truth in truths
        for strategy in STRATEGIES
    ]
    for strategy in STRATEGIES:
        mine = []
        for stack in NOTEBOOK_STACKS:
            assert stack.reference is not None
            curve = Curve(sum(stack.reference) / 2, _WIDTH)
            row = _row(curve, strategy, num_searches) | {"truth": stack.name}
            for side, seconds in _seconds_per_layer(stack, benchmark).items():
                row[f"{side}_seconds"] = seconds * row["num_layers"]
            mine.append(row)
        table = pd.DataFrame(mine, columns=COLUMNS)
        study = {
            "strategy": strategy,
            "truth": STUDY,
            "num_searches": num_searches,
            **table[["precise", "coverage"]].mean(),
            **table[_COSTS].sum(min_count=len(table)),
        }
        rows += [*mine, study]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(truth: Truth, strategy: Strategy, num_searches: int) -> dict[str, Any]:
    searches = []
    for number in range(num_searches):
        source = [_SEED, zlib.crc32(truth.name.encode()), number]
        train = trainings(truth, np.random.default_rng(source))
        trials = _SEARCHES[strategy](train)
        low, median, high = _interval(strategy, trials)
        search = {
            "num_trials": len(trials),
            "num_layers": num_layers(trials),
            "precise": _is_precise(low, median, high),
            "coverage": low <= truth.k50 <= high,
        }
        searches.append(search)
    return {
        "strategy": strategy,
        "truth": truth.name,
        "num_searches": num_searches,
        **pd.DataFrame(searches).mean(),
    }


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


def _seconds_per_layer(
    stack: Stack, benchmark: pd.DataFrame | None
) -> dict[str, float]:
    """Of a trial by either side, as of the measured network most like the stack."""
    if benchmark is None:
        return {}
    steps = metric_of(summaries(benchmark), "step", "ms_per_step")
    like = _most_like(stack, list(steps["architecture"]))
    mine = steps[steps["architecture"] == like].set_index("side")
    seconds = 1e-3 * mine["median"] / mine["depth"] * _STEPS
    sides = {"baseline": Side.BASELINE, "depthbench": our_side(benchmark)}
    return {name: seconds[side] for name, side in sides.items() if side in seconds}


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


def answer_markdown(rows: pd.DataFrame) -> str:
    """What `answer_rows` gives; people read hours of the trainings of a search."""
    return Table(_SHOWN, list(rows.itertuples())).markdown()


_SHOWN: tuple[Column[Any], ...] = (
    shown("strategy", "text", lambda row: row.strategy),
    shown("curve", "text", lambda row: row.truth),
    shown("trials", "count", lambda row: f"{row.num_trials:.1f}"),
    shown("layers trained", "count", lambda row: f"{row.num_layers:,.0f}"),
    shown("within 15 %", "fraction", lambda row: f"{100 * row.precise:.0f} %"),
    shown("coverage", "fraction", lambda row: f"{100 * row.coverage:.0f} %"),
    shown("baseline, hours", "", lambda row: _hours(row.baseline_seconds)),
    shown("depthbench, hours", "", lambda row: _hours(row.depthbench_seconds)),
)


def _hours(seconds: float) -> str:
    return "" if math.isnan(seconds) else f"{seconds / 3600:.2f}"
