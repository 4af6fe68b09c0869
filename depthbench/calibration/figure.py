"""The figure of a calibration: what intervals hold, and how far answers are off."""

from collections.abc import Hashable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from depthbench.calibration.simulate import METHODS, Method
from depthbench.report.figures.panels import sheet
from depthbench.report.figures.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    RULE,
    SHADE,
    SKY,
    Mark,
    figure_style,
    legend_above,
)

_MARKS: dict[Hashable, Mark] = {
    "posterior": Mark(BLUE, "o"),
    "posterior_same_cost": Mark(SKY, "D"),
    "bisect": Mark(ORANGE, "s"),
}
_LABELS: dict[Method, str] = {
    "posterior": "posterior",
    "posterior_same_cost": "posterior, at the cost of bisect",
    "bisect": "bisect, majority of 3",
}
_APART = 0.24  # of the room for one group, between methods
_SPREAD = 0.09  # of it, over which the cells of one method lie
_HALF = 0.1  # of it, half the bar of a mean
_BAND = (0.85, 0.95)  # of the mean coverage of a calibrated 90 % interval
_FLOOR = 0.80  # of the coverage in any cell


def calibration_figure(rows: pd.DataFrame) -> Figure:
    """Coverage and error of each synthetic cell of independent trainings, and means.

    A pale dot is one cell, k50 x width x lapse x shape; a bar is the mean of a group.

    Args:
        rows: As `summary.summarize` gives them.
    """
    found = rows[(rows["shape"] != "recorded") & (rows["seed_share"] == 0)]
    found = found.assign(
        width=[f"{100 * width:.0f} %" for width in found["width"]],
        coverage=100 * found["coverage"],
        rmse=100 * found["rmse"],
    )
    with figure_style():
        page = sheet((2, 2), (4.3, 2.6), (0.75, 0.2, 0.75, 0.55), (0.75, 0.85))
        (top_left, top_right), (bottom_left, bottom_right) = page.axes
        width = "width of the transition, share of k50"
        _draw_coverage(top_left, found, "width")
        _label(top_left, "Coverage of 90 % intervals, %", width)
        _draw_coverage(top_right, found, "shape")
        _label(top_right, "The same, by shape", "shape of the true curve")
        _draw_groups(bottom_left, found, "width", "rmse")
        _label(bottom_left, "RMSE of k50, % of the true one", width)
        bottom_left.set_ylim(0, None)
        _draw_cost(bottom_right, found)
        keys_above = [_key(each) for each in METHODS if each in set(found["method"])]
        legend_above(page.figure, keys_above, columns=len(keys_above))
    return page.figure


def _label(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", weight="bold")
    axes.set_xlabel(below)


def _key(method: Method) -> Line2D:
    color, marker = _MARKS[method]
    return Line2D(
        [], [], color=color, marker=marker, linestyle="", label=_LABELS[method]
    )


def _draw_coverage(axes: Axes, rows: pd.DataFrame, key: str) -> None:
    """Coverage in percent, before what a calibrated interval may do."""
    axes.axhspan(100 * _BAND[0], 100 * _BAND[1], color=SHADE, zorder=0)
    axes.axhline(100 * _FLOOR, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    _draw_groups(axes, rows, key, "coverage")
    axes.set_ylim(min(100 * _FLOOR, rows["coverage"].min()) - 2, 101.5)


def _draw_groups(axes: Axes, rows: pd.DataFrame, key: str, value: str) -> None:
    """Cells of one group and method side by side, their mean as a bar across them."""
    groups = list(rows[key].unique())
    for (group, method), mine in rows.groupby([key, "method"], sort=False):
        middle = groups.index(group) + (METHODS.index(method) - 1) * _APART
        places = np.linspace(-1, 1, len(mine)) if len(mine) > 1 else -1
        _draw_dots(axes, middle + _SPREAD * places, mine[value], method, 3, 0.45)
        mean = mine[value].mean()
        axes.hlines(mean, middle - _HALF, middle + _HALF, color=INK, linewidth=2)
    axes.set_xticks(range(len(groups)), groups)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.grid(axis="y", color=RULE)


def _draw_dots(
    axes: Axes, x: ArrayLike, y: ArrayLike, method: Hashable, size: float, alpha: float
) -> None:
    color, marker = _MARKS[method]
    axes.plot(
        x,
        y,
        color=color,
        marker=marker,
        markersize=size,
        linestyle="",
        alpha=alpha,
        markeredgewidth=0,
    )


def _draw_cost(axes: Axes, rows: pd.DataFrame) -> None:
    """Error against cost, a dot per cell."""
    for method in METHODS:
        mine = rows[rows["method"] == method]
        _draw_dots(axes, mine["cost"], mine["rmse"], method, 3.5, 0.6)
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.grid(color=RULE)
    _label(axes, "RMSE against cost, a dot per cell", "layers trained, in k50")
