"""The figure of a calibration: what intervals hold, and how far answers are off."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from depthbench.calibration.document import Calibration
from depthbench.calibration.simulate import METHODS, Method
from depthbench.calibration.summary import Row
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

_MARKS: dict[Method, Mark] = {
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


def calibration_figure(calibration: Calibration) -> Figure:
    """Coverage and error of each synthetic cell of independent trainings, and means.

    A pale dot is one cell, k50 x width x lapse x shape; a bar is the mean of a group.
    """
    rows = [
        row
        for row in calibration.rows
        if row.shape != "recorded" and row.seed_share == 0
    ]
    with figure_style():
        page = sheet((2, 2), (4.3, 2.6), (0.75, 0.2, 0.75, 0.55), (0.75, 0.85))
        (top_left, top_right), (bottom_left, bottom_right) = page.axes
        by_width = [f"{100 * (row.width or 0):.0f} %" for row in rows]
        for axes, keys, what in (
            (top_left, by_width, "width of the transition, share of k50"),
            (top_right, [row.shape for row in rows], "shape of the true curve"),
        ):
            _draw_coverage(axes, rows, keys)
            axes.set_xlabel(what)
        top_left.set_title("Coverage of 90 % intervals, %", loc="left", weight="bold")
        top_right.set_title("The same, by shape", loc="left", weight="bold")
        _draw_groups(bottom_left, rows, by_width, [100 * row.rmse for row in rows])
        bottom_left.set_xlabel("width of the transition, share of k50")
        bottom_left.set_title(
            "RMSE of k50, % of the true one", loc="left", weight="bold"
        )
        bottom_left.set_ylim(0, None)
        _draw_cost(bottom_right, rows)
        methods = [m for m in METHODS if any(row.method == m for row in rows)]
        keys_above = [_key(method) for method in methods]
        legend_above(page.figure, keys_above, columns=len(methods))
    return page.figure


def _key(method: Method) -> Line2D:
    color, marker = _MARKS[method]
    return Line2D(
        [], [], color=color, marker=marker, linestyle="", label=_LABELS[method]
    )


def _draw_coverage(axes: Axes, rows: Sequence[Row], keys: Sequence[str]) -> None:
    """Coverage in percent, before what a calibrated interval may do."""
    coverages = [100 * row.coverage for row in rows]
    axes.axhspan(100 * _BAND[0], 100 * _BAND[1], color=SHADE, zorder=0)
    axes.axhline(100 * _FLOOR, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    _draw_groups(axes, rows, keys, coverages)
    axes.set_ylim(min(100 * _FLOOR, *coverages) - 2, 101.5)


def _draw_groups(
    axes: Axes, rows: Sequence[Row], keys: Sequence[str], values: Sequence[float]
) -> None:
    """Cells of one group and method side by side, their mean as a bar across them."""
    groups = list(dict.fromkeys(keys))
    for place, group in enumerate(groups):
        for method in METHODS:
            found = [
                value
                for row, key, value in zip(rows, keys, values, strict=True)
                if (key, row.method) == (group, method)
            ]
            if found:
                middle = place + (METHODS.index(method) - 1) * _APART
                _draw_cells(axes, middle, found, _MARKS[method])
    axes.set_xticks(range(len(groups)), groups)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.grid(axis="y", color=RULE)


def _draw_cells(axes: Axes, middle: float, found: Sequence[float], mark: Mark) -> None:
    spread = [
        middle + _SPREAD * (2 * place / max(1, len(found) - 1) - 1)
        for place in range(len(found))
    ]
    axes.plot(
        spread,
        found,
        color=mark.color,
        marker=mark.marker,
        markersize=3,
        linestyle="",
        alpha=0.45,
        markeredgewidth=0,
    )
    mean = sum(found) / len(found)
    axes.hlines(mean, middle - _HALF, middle + _HALF, color=INK, linewidth=2)


def _draw_cost(axes: Axes, rows: Sequence[Row]) -> None:
    """Error against cost, a dot per cell."""
    for method in METHODS:
        mine = [row for row in rows if row.method == method]
        color, marker = _MARKS[method]
        axes.plot(
            [row.cost for row in mine],
            [100 * row.rmse for row in mine],
            color=color,
            marker=marker,
            markersize=3.5,
            linestyle="",
            alpha=0.6,
            markeredgewidth=0,
        )
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.grid(color=RULE)
    axes.set_xlabel("layers trained, in k50")
    axes.set_title("RMSE against cost, a dot per cell", loc="left", weight="bold")
