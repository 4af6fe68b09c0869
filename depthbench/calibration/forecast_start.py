"""What a search that begins at a forecast saves, and what a wrong one costs it."""

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from depthbench.calibration.curves import Curve, Truth
from depthbench.calibration.simulate import (
    Decisions,
    Train,
    Trials,
    num_layers,
    posterior_trials,
)
from depthbench.forecasting.limit import FACTOR
from depthbench.report.table import NOTHING, Column, Table, shown
from depthbench.search import PosteriorSearch
from depthbench.search.start import first_depths
from depthbench.spec import DepthGrid, ForecastDepth

# Of the forecast over the true k50; None begins at the bottom.
FACTORS = (None, 1 / 3, 1 / FACTOR, 1.0, FACTOR, 3.0)
TRUTHS = tuple(
    Curve(k50, width, lapse)
    for k50 in (15, 60, 200)
    for width, lapse in ((0.05, 0.0), (0.15, 0.08), (0.3, 0.0))
)
SEARCH = PosteriorSearch(grid=DepthGrid(), cap=768)
_ROUGH = 2.0
COLUMNS = [
    *("truths", "factor", "num_truths", "num_searches", "cost", "extra"),
    *("extra_error", "rough_cost", "coverage", "rmse"),
]


def start_rows(
    truths: Sequence[Truth], name: str, *, num_searches: int, seed: int
) -> pd.DataFrame:
    """A row for each of `FACTORS`, with `COLUMNS`.

    The searches of every start have the same luck. truths is `name`; factor, that of
    the forecast over the true k50, NaN from the bottom; num_searches, on each truth;
    cost, the mean layers trained, in k50; extra, the mean of those beyond the cost of
    the search from the bottom, and extra_error its standard error; rough_cost, the
    mean layers trained, in k50, when the ends of the 90 % interval first lie within a
    factor of 2; coverage, the share of 90 % intervals that hold the true k50; rmse,
    the root of the mean squared relative error of k50.
    """
    found = {
        factor: pd.DataFrame(
            row
            for each in truths
            for row in _searched(each, factor, num_searches, seed)
        )
        for factor in FACTORS
    }
    bottom = found[None]["cost"]
    rows = []
    for factor, each in found.items():
        extra = each["cost"] - bottom
        row = {
            "factor": factor,
            "cost": each["cost"].mean(),
            "extra": extra.mean(),
            "extra_error": extra.sem(),
            "rough_cost": each["rough_cost"].mean(),
            "coverage": each["is_held"].mean(),
            "rmse": np.sqrt((each["error"] ** 2).mean()),
        }
        rows.append(row)
    table = pd.DataFrame(rows).round(4).round({"factor": 3})
    sizes = {"num_truths": len(truths), "num_searches": num_searches}
    return table.assign(truths=name, **sizes)[COLUMNS]


def _searched(
    truth: Truth, factor: float | None, num_searches: int, seed: int
) -> Iterable[dict[str, float]]:
    """What each search costs, whether its interval holds k50, and its error."""
    search = replace(SEARCH, bracket=_bracket(truth.k50, factor))
    decisions: Decisions = {}
    for number in range(num_searches):
        train = _trainings(truth, seed, number)
        trials = posterior_trials(search, train, decisions)
        k50 = search.posterior(trials).k50()
        yield {
            "cost": num_layers(trials) / truth.k50,
            "rough_cost": _rough_layers(search, trials) / truth.k50,
            "is_held": (k50.low or 0) <= truth.k50 <= (k50.high or math.inf),
            "error": (k50.median or 0.0) / truth.k50 - 1,
        }


def _bracket(k50: float, factor: float | None) -> tuple[int, int] | None:
    if factor is None:
        return None
    forecast = ForecastDepth(
        k50=factor * k50,
        low=factor * k50 / FACTOR,
        high=factor * k50 * FACTOR,
        limited_by="",
        deepest=SEARCH.cap,
    )
    return first_depths(forecast, SEARCH.grid, SEARCH.cap)


def _trainings(truth: Truth, seed: int, number: int) -> Train:
    """The n-th training at a depth has the same luck whatever was trained before."""
    made: Counter[int] = Counter()
    name = zlib.crc32(truth.name.encode())

    def train(depth: int) -> bool:
        made[depth] += 1
        luck = np.random.default_rng([seed, name, number, depth, made[depth]])
        return bool(luck.random() < truth.success(depth))

    return train


def _rough_layers(search: PosteriorSearch, trials: Trials) -> int:
    for number in range(2, len(trials)):
        k50 = search.posterior(trials[:number]).k50()
        if k50.low and k50.high and k50.high <= _ROUGH * k50.low:
            return num_layers(trials[:number])
    return num_layers(trials)


def start_markdown(table: pd.DataFrame) -> str:
    """What `start_rows` gives, as people read it."""
    return Table(_SHOWN, list(table.itertuples())).markdown()


def _extra(row: Any) -> str:
    if math.isnan(row.factor):
        return NOTHING
    return f"{row.extra:+.1f} ± {row.extra_error:.1f}"


_SHOWN: tuple[Column[Any], ...] = (
    shown(
        "truths (searches each)",
        "text",
        lambda row: f"{row.num_truths} {row.truths} ({row.num_searches})",
    ),
    shown(
        "forecast / k50",
        "fraction",
        lambda row: "none" if math.isnan(row.factor) else f"{row.factor:.2f}",
    ),
    shown("layers", "layers", lambda row: f"{row.cost:.1f}"),
    shown("more than without", "layers", _extra),
    shown("until known to a factor 2", "layers", lambda row: f"{row.rough_cost:.1f}"),
    shown("coverage", "fraction", lambda row: f"{100 * row.coverage:.1f} %"),
    shown("RMSE", "fraction", lambda row: f"{100 * row.rmse:.1f} %"),
)
