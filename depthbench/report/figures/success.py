"""The share of trainings that succeed against depth, and the fitted curve."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from depthbench.curves.words import estimate_text
from depthbench.report.figures.panels import cell_name, cell_panels, say_no_trial, wide
from depthbench.report.figures.style import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    figure_style,
    legend_above,
)
from depthbench.report.fit import CurveFit, success_band
from depthbench.report.results import CellResult, StudyResult

_NUM_POINTS = 72  # of a curve
_AREA = 22  # of the marker of one trial, in square points
_BAND_ALPHA = 0.18


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
        legend_above(page.figure, _legend(), columns=3)
    return page.figure


def _draw_cell(axes: Axes, result: StudyResult, cell: CellResult) -> None:
    observations = cell.observations
    k50 = cell.fit.k50.median if cell.fit else None
    depths = [depth for depth, _ in observations]
    deepest = max([*depths, 2 * cell.cell.grid.start, k50 or 0])
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
    estimate = estimate_text(cell.fit.k50) if cell.fit else ""
    if estimate:
        title = f"k50 {estimate}"
        axes.set_title(title, loc="right", color=MUTED, fontsize=9)


def _draw_fit(axes: Axes, cell: CellResult, fit: CurveFit, deepest: float) -> None:
    depths = np.linspace(cell.cell.grid.start, deepest, _NUM_POINTS)
    low, high = success_band(fit.posterior, depths.tolist())
    axes.fill_between(
        depths, low, high, color=BLUE, alpha=_BAND_ALPHA, lw=0, zorder=1, label="band"
    )
    success = fit.posterior.success_probability(depths)
    axes.plot(depths, success, color=BLUE, lw=1.6, zorder=2, label="curve")
    draw_interval(axes, cell, 0.5)


def draw_interval(axes: Axes, cell: CellResult, y: float) -> None:
    """The 90 % interval of k50 at height `y`; an end without a bound leaves the axes.

    Nothing without any bound.
    """
    k50 = cell.fit.k50 if cell.fit else None
    if k50 is None or (k50.low is None and k50.high is None):
        return
    left, right = axes.get_xlim()
    ends = (
        left if k50.low is None else k50.low,
        right if k50.high is None else k50.high,
    )
    axes.plot(ends, (y, y), color=INK, lw=1.2, zorder=4, label="k50 interval")
    for end in (k50.low, k50.high):
        if end is not None:
            axes.plot(end, y, "|", color=INK, ms=6, mew=1.2, zorder=4, label="k50 end")
    if k50.median is not None:
        axes.plot(k50.median, y, ".", color=INK, ms=6, zorder=4, label="k50")


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


def _legend() -> list[Line2D]:
    circle: dict[str, Any] = {"ls": "none", "marker": "o", "mfc": PAPER, "color": INK}
    return [
        Line2D([], [], ms=6, label="share at a depth (larger: more trials)", **circle),
        Line2D([], [], color=BLUE, lw=1.6, label="fitted curve, band of 90 %"),
        Line2D([], [], color=INK, lw=1.2, marker=".", label="k50, 90 % interval"),
    ]
