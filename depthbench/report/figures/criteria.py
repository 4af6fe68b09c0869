"""The depth k50 after each number of epochs, at several thresholds."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from depthbench.report.criteria import CriterionPoint, criterion_points
from depthbench.report.figures.panels import arrow, cell_panels, panel_title
from depthbench.report.figures.style import (
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    Mark,
    figure_style,
    key,
    legend_above,
)
from depthbench.report.results import StudyResult
from depthbench.text import short_percent

_MARKS = (
    Mark(BLUE, "o"),
    Mark(ORANGE, "s"),
    Mark(GREEN, "^"),
    Mark(PURPLE, "D"),
    Mark(SKY, "v"),
)
_DODGE = 0.11  # between thresholds, of the distance of two budgets
_ARROW_POINTS = 16


def criteria_figure(result: StudyResult) -> Figure:
    """One panel per cell: k50 against the epochs it is judged after.

    Colours and markers are thresholds; a vertical line is the 90 % interval, an arrow
    a bound. Filled is the study's own question.
    """
    points = [criterion_points(cell) for cell in result.cells]
    found = {point.threshold for of_cell in points for point in of_cell}
    thresholds = sorted(found, reverse=True)
    with figure_style():
        page = cell_panels(
            result,
            (3.3, 1.6),
            (0.6, 0.25, 0.75, 0.5),
            (0.55, 0.62),
        )
        of_each = iter(points)
        for row in page.rows:
            for cell, (axes,) in row:
                _draw_cell(axes, next(of_each), thresholds)
                panel_title(axes, result, cell)
            row[0][1][0].set_ylabel("k50")
        page.label_below("judged after this epoch")
        legend = [
            key(
                f"{short_percent(threshold)} error",
                color=_MARKS[place % len(_MARKS)].color,
                marker=_MARKS[place % len(_MARKS)].marker,
                mfc="none",
                lw=1.4,
            )
            for place, threshold in enumerate(thresholds)
        ]
        legend_above(page.figure, legend, columns=6)
    return page.figure


def _draw_cell(
    axes: Axes, points: Sequence[CriterionPoint], thresholds: Sequence[float]
) -> None:
    if not any(point.num_trials for point in points):
        axes.text(0, 0.5, "no trial yet", color=MUTED)
        axes.set_axis_off()
        return
    budgets = sorted({point.num_epochs for point in points})
    for place, threshold in enumerate(thresholds):
        mine = [point for point in points if point.threshold == threshold]
        shift = _DODGE * (place - (len(thresholds) - 1) / 2)
        _draw_line(axes, mine, shift, _MARKS[place % len(_MARKS)])
    axes.set_xlim(-0.5, len(budgets) - 0.5)
    axes.xaxis.set_major_locator(FixedLocator(range(len(budgets))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(budget) for budget in budgets])
    axes.set_ylim(0, 1.2 * _highest(points))  # room for an arrow
    axes.grid(axis="y")


def _highest(points: Sequence[CriterionPoint]) -> float:
    ends = [end for p in points for end in (p.k50.low, p.k50.median, p.k50.high) if end]
    return max(ends, default=1.0)


def _draw_line(
    axes: Axes, points: Sequence[CriterionPoint], shift: float, mark: Mark
) -> None:
    color = mark.color
    places = [place + shift for place in range(len(points))]
    medians = [
        math.nan if each.k50.median is None else each.k50.median for each in points
    ]
    axes.plot(places, medians, "-", color=color, lw=1, alpha=0.6, label="line")
    for x, point in zip(places, points, strict=True):
        low, median, high = point.k50.low, point.k50.median, point.k50.high
        ends = [end for end in (low, median, high) if end is not None]
        if not ends:
            continue
        axes.plot((x, x), (min(ends), max(ends)), color=color, lw=1.4, label="interval")
        if low is None:
            arrow(axes, (x, min(ends)), (0, -_ARROW_POINTS), color, lw=1.2)
        if high is None:
            arrow(axes, (x, max(ends)), (0, _ARROW_POINTS), color, lw=1.2)
        if median is not None:
            face = color if point.is_own else "none"
            style: dict[str, Any] = {"color": color, "mfc": face, "ms": 5, "mew": 1.2}
            axes.plot(x, median, mark.marker, **style, label="k50")
