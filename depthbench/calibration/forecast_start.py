"""What a search that begins at a forecast saves, and what a wrong one costs it."""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from depthbench.calibration.curves import Curve, Truth
from depthbench.calibration.simulate import (
    Decisions,
    Train,
    Trials,
    num_layers,
    posterior_trials,
)
from depthbench.forecasting.limit import FACTOR
from depthbench.report.table import NOTHING, Column, Table, shown, table_of_fields
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRow:
    """Searches of one start on some truths; the same luck for every start.

    Attributes:
        truths: `synthetic` or `recorded`.
        factor: Of the forecast over the true k50; None began at the bottom.
        num_searches: On each truth.
        cost: Mean layers trained, in k50.
        extra: Mean of the same beyond those of the search from the bottom.
        extra_error: Standard error of that mean.
        rough_cost: Mean layers trained, in k50, when the ends of the 90 % interval
            first lie within a factor of 2.
        coverage: Share of 90 % intervals that hold the true k50.
        rmse: Root of the mean squared relative error of k50.
    """

    truths: str
    factor: float | None
    num_truths: int
    num_searches: int
    cost: float
    extra: float
    extra_error: float
    rough_cost: float
    coverage: float
    rmse: float


@dataclass(frozen=True, slots=True)
class _Searched:
    cost: float
    rough_cost: float
    is_held: bool
    error: float


def start_rows(
    truths: Sequence[Truth], name: str, *, num_searches: int, seed: int
) -> list[StartRow]:
    """A row for each of `FACTORS`; none without a truth."""
    if not truths:
        return []
    found = {
        factor: [
            each
            for truth in truths
            for each in _searched(truth, factor, num_searches, seed)
        ]
        for factor in FACTORS
    }
    bottom = found[None]
    return [
        _row(name, factor, len(truths), num_searches, searched, bottom)
        for factor, searched in found.items()
    ]


def _row(
    truths: str,
    factor: float | None,
    num_truths: int,
    num_searches: int,
    searched: Sequence[_Searched],
    bottom: Sequence[_Searched],
) -> StartRow:
    extra = np.array([a.cost - b.cost for a, b in zip(searched, bottom, strict=True)])
    return StartRow(
        truths=truths,
        factor=factor and round(factor, 3),
        num_truths=num_truths,
        num_searches=num_searches,
        cost=_mean(each.cost for each in searched),
        extra=_mean(extra),
        extra_error=round(float(extra.std(ddof=1) / np.sqrt(len(extra))), 4),
        rough_cost=_mean(each.rough_cost for each in searched),
        coverage=_mean(each.is_held for each in searched),
        rmse=round(float(np.sqrt(np.mean([e.error**2 for e in searched]))), 4),
    )


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 4)


def _searched(
    truth: Truth, factor: float | None, num_searches: int, seed: int
) -> list[_Searched]:
    search = replace(SEARCH, bracket=_bracket(truth.k50, factor))
    decisions: Decisions = {}
    return [
        _summary(
            search,
            truth.k50,
            posterior_trials(search, _trainings(truth, seed, number), decisions),
        )
        for number in range(num_searches)
    ]


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


def _summary(search: PosteriorSearch, k50: float, trials: Trials) -> _Searched:
    found = search.posterior(trials).k50()
    is_held = (found.low or 0) <= k50 <= (found.high or np.inf)
    return _Searched(
        cost=num_layers(trials) / k50,
        rough_cost=_rough_layers(search, trials) / k50,
        is_held=is_held,
        error=(found.median or 0.0) / k50 - 1,
    )


def _rough_layers(search: PosteriorSearch, trials: Trials) -> int:
    for number in range(2, len(trials)):
        k50 = search.posterior(trials[:number]).k50()
        if k50.low and k50.high and k50.high <= _ROUGH * k50.low:
            return num_layers(trials[:number])
    return num_layers(trials)


def start_table(rows: Sequence[StartRow]) -> Table[StartRow]:
    """The rows, in a file and as people read them."""
    return table_of_fields(StartRow, rows, _SHOWN)


_SHOWN: tuple[Column[StartRow], ...] = (
    shown(
        "truths (searches each)",
        "text",
        lambda row: f"{row.num_truths} {row.truths} ({row.num_searches})",
    ),
    shown(
        "forecast / k50",
        "fraction",
        lambda row: "none" if row.factor is None else f"{row.factor:.2f}",
    ),
    shown("layers", "layers", lambda row: f"{row.cost:.1f}"),
    shown(
        "more than without",
        "layers",
        lambda row: (
            NOTHING
            if row.factor is None
            else f"{row.extra:+.1f} ± {row.extra_error:.1f}"
        ),
    ),
    shown("until known to a factor 2", "layers", lambda row: f"{row.rough_cost:.1f}"),
    shown("coverage", "fraction", lambda row: f"{100 * row.coverage:.1f} %"),
    shown("RMSE", "fraction", lambda row: f"{100 * row.rmse:.1f} %"),
)
