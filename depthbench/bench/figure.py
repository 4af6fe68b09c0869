"""The figure of a benchmark: bars of speed, and curves of growth."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, StrMethodFormatter

from depthbench.bench.document import Benchmark
from depthbench.bench.measurement import CASE, Metric, metric_of, summaries
from depthbench.bench.plan import SIDE_NAMES, Part, Side
from depthbench.report.figures.panels import Sheet, sheet
from depthbench.report.figures.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    RULE,
    SKY,
    figure_style,
    legend_above,
)

_COLORS = {Side.BASELINE: ORANGE, Side.REFERENCE: SKY, Side.FUSED: BLUE}
_BAR_HEIGHT = 0.26  # of the room for one case


def bench_figure(benchmark: Benchmark) -> Figure:
    """Speed of each side in each case, and how time and memory grow.

    Bars are medians over the rounds, whiskers their range; the factor is the median
    ratio to the baseline. The dashed line is the machine's measured peak.
    """
    found = summaries(benchmark.table)
    parts, measured = set(found["part"]), set(found["side"])
    growing: list[Part] = [part for part in ("depth", "batch") if part in parts]
    num_cases = max(1, len(benchmark.plan.cases))
    with figure_style():
        page = sheet(
            (1 + len(growing), 2),
            (4.1, max(1.7, 0.62 * num_cases)),
            (1.35, 0.25, 0.75, 0.5),
            (0.75, 0.85),
        )
        threads = benchmark.num_cores if benchmark.device == "cpu" else 1
        peak = benchmark.peak.gflop_per_second
        _draw_bars(page.axes[0][0], found, "step", peak)
        whole: Part = "epoch" if benchmark.device == "cpu" else "trial"
        _draw_bars(page.axes[0][1], found, whole, peak * threads)
        page.axes[0][1].set_yticklabels([])
        _head(page, benchmark)
        for axes, part in zip(page.axes[1:], growing, strict=True):
            _draw_growth(axes[0], found, part, "time")
            _draw_growth(axes[1], found, part, "memory")
        sides = [side for side in Side if side in measured]
        legend_above(page.figure, [_key(side) for side in sides], columns=len(sides))
    return page.figure


def _key(side: Side) -> Line2D:
    return Line2D(
        [], [], color=_COLORS[side], marker="s", linestyle="", label=SIDE_NAMES[side]
    )


def _head(page: Sheet, benchmark: Benchmark) -> None:
    titles = ("Training step, one GPU", "Whole trials of 3 epochs, one GPU")
    if benchmark.device == "cpu":
        cores = f"all {benchmark.num_cores} cores"
        titles = (
            "Training step, one thread",
            f"Whole epochs with data and test, {cores}",
        )
    for axes, title in zip(page.axes[0], titles, strict=True):
        axes.set_title(title, loc="left", weight="bold")


def _draw_bars(axes: Axes, found: pd.DataFrame, part: Part, peak: float) -> None:
    """GFLOP/s of each case and side, the first case on top, up to the peak."""
    key = [*CASE, "side"]
    ratios = metric_of(found, part, "speedup").set_index(key)["median"]
    bars = metric_of(found, part, "gflop_per_second").join(ratios.rename("ratio"), key)
    cases = list(dict.fromkeys(zip(bars["architecture"], bars["depth"], strict=True)))
    sides = [side for side in Side if side in set(bars["side"])]
    bar: Any
    for bar in bars.itertuples():
        rank = sides.index(bar.side) - (len(sides) - 1) / 2
        height = cases.index((bar.architecture, bar.depth)) + rank * _BAR_HEIGHT
        _draw_bar(axes, height, bar)
    axes.axvline(peak, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate(
        "peak",
        (peak, 1),
        xycoords=axes.get_xaxis_transform(),
        xytext=(-4, -3),
        textcoords="offset points",
        ha="right",
        va="top",
        color=MUTED,
        fontsize=8.5,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
    )
    axes.set_yticks(range(len(cases)), [f"{name}\nk = {k}" for name, k in cases])
    axes.set_ylim(len(cases) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.12 * max(peak, *bars["high"], 0))
    axes.set_xlabel("GFLOP/s")
    axes.grid(axis="x", color=RULE)


def _draw_bar(axes: Axes, height: float, bar: Any) -> None:
    color = _COLORS[bar.side]
    axes.barh(height, bar.median, height=0.9 * _BAR_HEIGHT, color=color, zorder=2)
    axes.hlines(height, bar.low, bar.high, color=INK, linewidth=1, zorder=3)
    if not math.isnan(bar.ratio):
        axes.annotate(
            f"{bar.ratio:.1f}x",
            (bar.high, height),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK,
        )


def _draw_growth(
    axes: Axes, found: pd.DataFrame, part: Part, what: Literal["time", "memory"]
) -> None:
    """Time of a step for each layer and image, or peak memory, with its range."""
    metric: Metric = "ms_per_step" if what == "time" else "peak_memory_bytes"
    mine = metric_of(found, part, metric)
    first = mine.iloc[0]
    color = _COLORS[first.side]
    along = list(mine["depth" if part == "depth" else "batch_size"])
    # Of a step, to ms a layer or to µs an image.
    scale = 1 / mine["depth"] if part == "depth" else 1e3 / mine["batch_size"]
    points = mine[["low", "median", "high"]]
    low, middle, high = points.mul(scale if what == "time" else 1e-9, axis=0).T.values
    axes.plot(along, middle, color=color, marker="o", markersize=4, linewidth=1.5)
    axes.vlines(along, low, high, color=INK, linewidth=1)
    if what == "time":
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(along, _sparse(along))
    else:
        axes.set_xlim(0, 1.04 * along[-1])
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(0, 1.15 * max(high))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.grid(axis="y", color=RULE)
    varied = "depth k" if part == "depth" else "images a step"
    axes.set_xlabel(varied)
    unit = "ms a layer" if part == "depth" else "µs an image"
    title = f"Time of a step, {unit}" if what == "time" else "Peak memory, GB"
    fixed = f"batch {first.batch_size}" if part == "depth" else f"k = {first.depth}"
    axes.set_title(title, loc="left", weight="bold")
    axes.set_title(
        f"{first.architecture}, {fixed}", loc="right", color=MUTED, fontsize=9
    )


def _sparse(along: Sequence[int]) -> list[str]:
    """Labels on a logarithmic axis, empty where they would touch the one before."""
    room = 0.08 * math.log(along[-1] / along[0])
    labels, last = [], -math.inf
    for x in along:
        is_free = math.log(x) - last >= room
        labels.append(f"{x:,}" if is_free else "")
        last = math.log(x) if is_free else last
    return labels
