"""Which learning rates train at which depths."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, Transform

from depthbench.report.figures.depth_axis import set_depth_scale
from depthbench.report.figures.panels import say_no_trial, sheet
from depthbench.report.figures.style import (
    BLUE,
    INK,
    MUTED,
    OUTCOME_MARKS,
    PAPER,
    figure_style,
    legend_above,
    outcome_handles,
    outcome_label,
    trial_url,
)
from depthbench.report.rates import MapPoint, RateGroup, map_points, rate_groups
from depthbench.report.results import CellResult, StudyResult

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
        _draw_point(axes, point, group.key[2])
    for cell in group.cells:
        if cell.cell.rate.is_fixed:
            _draw_k50(axes, cell)


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


def _draw_point(axes: Axes, point: MapPoint, protocol: str) -> None:
    """Its trials side by side, by seed; the shift is in points, whatever the scale."""
    for place, trial in enumerate(point.trials):
        mark = OUTCOME_MARKS[outcome_label(trial.outcome)]
        shift = (place - (len(point.trials) - 1) / 2) * _POINTS_APART
        beside = _shifted(axes, x=shift)
        axes.plot(
            point.depth,
            point.lr,
            mark.marker,
            color=mark.color,
            mec=PAPER,
            mew=0.5,
            ms=5.5,
            transform=beside,
            clip_on=False,
            zorder=3,
            label="trial",
            url=trial_url(trial, protocol),
        )


def _shifted(axes: Axes, *, x: float = 0.0, y: float = 0.0) -> Transform:
    """The coordinates of the data, moved by points."""
    moved: Transform = axes.transData + ScaledTranslation(
        x / 72,
        y / 72,
        axes.get_figure(root=True).dpi_scale_trans,  # type: ignore
    )
    return moved


def _draw_k50(axes: Axes, cell: CellResult) -> None:
    """Its interval below the trials; an end without a bound leaves the axes."""
    k50 = cell.fit.k50 if cell.fit else None
    if k50 is None or (k50.low is None and k50.high is None):
        return
    left, right = axes.get_xlim()
    ends = (k50.low or left, k50.high or right)
    below = _shifted(axes, y=-_BELOW)
    lr = cell.cell.template.lr
    axes.plot(ends, (lr, lr), color=INK, lw=1.2, transform=below, label="k50 interval")
    if k50.median is not None:
        axes.plot(k50.median, lr, "|", color=INK, ms=7, transform=below, label="k50")


def _legend(groups: list[RateGroup], labels: set[str]) -> list[Line2D]:
    rates = [cell.cell.rate for group in groups for cell in group.cells]
    lines = {
        "k50, 90 % interval": any(rate.is_fixed for rate in rates),
        "largest rate that trains, fitted": any(group.stable for group in groups),
        "scaled rate": any(rate.exponent is not None for rate in rates),
    }
    looks: tuple[dict[str, Any], ...] = (
        {"color": INK, "lw": 1.2, "marker": "|"},
        {"color": BLUE, "lw": 1.4},
        {"color": MUTED, "lw": 1, "ls": ":"},
    )
    drawn = [
        Line2D([], [], label=name, **look)
        for (name, is_there), look in zip(lines.items(), looks, strict=True)
        if is_there
    ]
    return drawn + outcome_handles(labels, ls="none")
