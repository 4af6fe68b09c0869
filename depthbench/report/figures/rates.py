"""Which learning rates train at which depths."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from depthbench.report.figures.panels import (
    draw_trials,
    say_no_trial,
    set_depth_scale,
    sheet,
    shifted,
)
from depthbench.report.figures.style import (
    BLUE,
    INK,
    MUTED,
    figure_style,
    key,
    legend_above,
    outcome_handles,
    outcome_label,
)
from depthbench.report.figures.success import draw_interval
from depthbench.report.rates import RateGroup, map_points, rate_groups
from depthbench.report.results import StudyResult

_POINTS_APART = 5.5
_BELOW = 8  # points from a row of trials to the bar of its k50


def rates_figure(result: StudyResult) -> Figure:
    """The lr x depth map, a panel per group, a point per trial in its outcome's colour.

    The seeds of one depth and rate stand side by side. Below the trials of a rate that
    all depths share, the bar is the 90 % interval of its k50. The line is the fitted
    largest rate that trains, the dotted one the scaled rate.
    """
    groups = rate_groups(result)
    labels = {outcome_label(t.outcome) for group in groups for t in group.trials}
    with figure_style():
        page = sheet((len(groups), 1), (6.6, 3.0), (0.85, 0.4, 0.75, 0.5), (0.0, 0.72))
        for (axes,), group in zip(page.axes, groups, strict=True):
            _draw_group(axes, group, len(groups))
        page.axes[-1][0].set_xlabel("depth k")
        legend_above(page.figure, _legend(groups, labels), columns=4)
    return page.figure


def _draw_group(axes: Axes, group: RateGroup, num_groups: int) -> None:
    points = map_points(group)
    if num_groups > 1:
        axes.set_title(" · ".join(group.key), loc="left", weight="bold", color=INK)
    axes.set_ylabel("learning rate")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if not points:
        say_no_trial(axes)
        return
    depths = [point.depth for point in points]
    rates = [point.lr for point in points]
    set_depth_scale(axes, depths)
    axes.set_ylim(min(rates) / 1.8, max(rates) * 1.8)
    _draw_lines(axes, group, min(depths), max(depths))
    for point in points:
        at_rate = [(trial, point.lr) for trial in point.trials]
        draw_trials(axes, point.depth, at_rate, group.key[2], apart=_POINTS_APART)
    for cell in group.cells:
        if cell.cell.rate.is_fixed:
            below = shifted(axes, y=-_BELOW)
            draw_interval(axes, cell, cell.cell.template.lr, transform=below)


def _draw_lines(axes: Axes, group: RateGroup, low: int, high: int) -> None:
    depths = np.geomspace(low, high, 60)
    stable = group.stable
    if stable is not None and stable.lr.median and stable.exponent.median is not None:
        limit = stable.lr.median * (depths / stable.depth) ** stable.exponent.median
        axes.plot(depths, limit, color=BLUE, lw=1.4, zorder=1, label="stable")
    for cell in group.cells:
        rate, lr = cell.cell.rate, cell.cell.template.lr
        if rate.exponent is not None:
            scaled = lr * (depths / rate.depth) ** rate.exponent
            axes.plot(depths, scaled, color=MUTED, lw=1, ls=":", label="scaled")


def _legend(groups: list[RateGroup], labels: set[str]) -> list[Line2D]:
    rates = [cell.cell.rate for group in groups for cell in group.cells]
    lines: list[Line2D] = []
    if any(rate.is_fixed for rate in rates):
        lines.append(key("k50, 90 % interval", color=INK, lw=1.2, marker="."))
    if any(group.stable for group in groups):
        lines.append(key("largest rate that trains, fitted", color=BLUE, lw=1.4))
    if any(rate.exponent is not None for rate in rates):
        lines.append(key("scaled rate", color=MUTED, lw=1, ls=":"))
    return lines + outcome_handles(labels, ls="none")
