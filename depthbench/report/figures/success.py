"""The share of trainings that succeed against depth, and the fitted curve."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from depthbench.curves.words import estimate_text
from depthbench.report.figures.panels import cell_name, cell_panels, say_no_trial, wide
from depthbench.report.figures.style import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    figure_style,
    key,
    legend_above,
)
from depthbench.report.fit import CurveFit, success_band
from depthbench.report.results import CellResult, StudyResult

_NUM_POINTS = 72  # of a curve
_AREA = 22  # of the marker of one trial, in square points
_BAND_ALPHA = 0.18
_CIRCLE: dict[str, Any] = {"ls": "none", "marker": "o", "mfc": PAPER, "color": INK}


def success_figure(result: StudyResult) -> Figure:
    """Share of trainings that succeed at each depth, with the posterior's curve.

    A circle is a depth, its area the number of trials there. The line is the chance
    that the next training succeeds, the band holds 90 % of the posterior at each
    depth, and the bar at one half is the interval of k50.
    """
    with figure_style():
        page = cell_panels(
            result,
            (wide(result), 1.45),
            (1.15, 0.45, 0.68, 0.5),
            (0.3, 0.52),
        )
        for row in page.rows:
            for place, (cell, (axes,)) in enumerate(row):
                _draw_cell(axes, result, cell)
                axes.tick_params(labelleft=place == 0)
            row[0][1][0].set_ylabel("trainings that\nsucceed")
        page.label_below("depth k")
        legend = [
            key("share at a depth (larger: more trials)", ms=6, **_CIRCLE),
            key("fitted curve, band of 90 %", color=BLUE, lw=1.6),
            key("k50, 90 % interval", color=INK, lw=1.2, marker="."),
        ]
        legend_above(page.figure, legend, columns=3)
    return page.figure


def _draw_cell(axes: Axes, result: StudyResult, cell: CellResult) -> None:
    observations = cell.observations
    depths = [depth for depth, _ in observations]
    deepest = max([*depths, 2 * cell.cell.grid.start, cell.k50.median or 0])
    axes.set_xlim(-0.02 * deepest, 1.06 * deepest)
    axes.set_ylim(-0.07, 1.07)
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.axhline(0.5, color=MUTED, lw=0.8, ls=":", zorder=0.5, label="half")
    if cell.fit is not None:
        _draw_fit(axes, cell, cell.fit, deepest)
        _draw_shares(axes, observations)
    else:
        say_no_trial(axes)
    axes.set_title(cell_name(result, cell), loc="left", weight="bold", color=INK)
    if estimate := estimate_text(cell.k50):
        axes.set_title(f"k50 {estimate}", loc="right", color=MUTED, fontsize=9)


def _draw_fit(axes: Axes, cell: CellResult, fit: CurveFit, deepest: float) -> None:
    depths = np.linspace(cell.cell.grid.start, deepest, _NUM_POINTS)
    low, high = success_band(fit.posterior, depths.tolist())
    axes.fill_between(
        depths, low, high, color=BLUE, alpha=_BAND_ALPHA, lw=0, zorder=1, label="band"
    )
    success = fit.posterior.success_probability(depths)
    axes.plot(depths, success, color=BLUE, lw=1.6, zorder=2, label="curve")
    draw_interval(axes, cell, 0.5)


def draw_interval(axes: Axes, cell: CellResult, y: float, **look: Any) -> None:
    """The 90 % interval of k50 at a height; a side without a bound leaves the axes."""
    k50, (left, right) = cell.k50, axes.get_xlim()
    known = [end for end in (k50.low, k50.high) if end is not None]
    if not known:
        return
    look = {"color": INK, "zorder": 4, **look}
    ends = (k50.low or left, right if k50.high is None else k50.high)
    axes.plot(ends, (y, y), lw=1.2, label="k50 interval", **look)
    for end in known:
        axes.plot(end, y, "|", ms=6, mew=1.2, label="k50 end", **look)
    if k50.median is not None:
        axes.plot(k50.median, y, ".", ms=6, label="k50", **look)


def _draw_shares(axes: Axes, observations: Sequence[tuple[int, bool]]) -> None:
    total = Counter(depth for depth, _ in observations)
    trained = Counter(depth for depth, good in observations if good)
    depths = sorted(total)
    axes.scatter(
        depths,
        [trained[depth] / total[depth] for depth in depths],
        s=[_AREA * total[depth] for depth in depths],
        color=PAPER,
        edgecolor=INK,
        linewidth=1,
        zorder=3,
        clip_on=False,
        label="shares",
    )
