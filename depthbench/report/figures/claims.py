"""What was measured beside what the literature claims, one row per cell."""

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from depthbench.report.figures.panels import row_label, sheet
from depthbench.report.figures.style import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    figure_style,
    key,
    legend_above,
)
from depthbench.report.results import CellResult, StudyResult

_ROW_INCHES = 0.24
_CLAIM: dict[str, Any] = {
    "marker": "D",
    "linestyle": "none",
    "color": MUTED,
    "mfc": PAPER,
    "ms": 5,
}
_K50: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": BLUE, "ms": 5}


def claims_figure(result: StudyResult) -> Figure:
    """k50 with its 90 % interval, deepest first, and the depth that a paper claims.

    A line that runs out of the figure has no bound there. Cells without a training are
    named and left empty.
    """
    cells = sorted(result.cells, key=_place)
    deepest = [cell.cell.search.cap for cell in cells]
    deepest += [cell.cell.claim.depth for cell in cells if cell.cell.claim]
    shallowest = min(cell.cell.grid.start for cell in cells)
    with figure_style():
        page = sheet((1, 1), (5.2, _ROW_INCHES * len(cells)), (2.2, 0.3, 0.45, 0.5))
        axes = page.axes[0][0]
        axes.set_xscale("log")
        axes.set_xlim(shallowest / 1.5, 1.5 * max(deepest))
        for row, cell in enumerate(cells):
            _draw(axes, cell, row)
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.set_yticks(range(len(cells)), [row_label(result, cell) for cell in cells])
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("depth")
        axes.grid(axis="x")
        axes.spines.left.set_visible(False)
        legend_above(
            page.figure,
            [
                key("k50, 90 % interval", **_K50),
                key("claimed elsewhere, as counted there", **_CLAIM),
            ],
            columns=2,
        )
    return page.figure


def _place(cell: CellResult) -> tuple[float, str]:
    """By the median, or the end that is known; those without evidence last."""
    k50 = cell.k50
    known = k50.median or k50.low or (0.0 if k50.high else -1.0)
    return -known, cell.cell.architecture


def _draw(axes: Axes, cell: CellResult, row: int) -> None:
    k50, claim = cell.k50, cell.cell.claim
    if cell.evidence:
        left, right = axes.get_xlim()
        ends = (k50.low or left, right if k50.high is None else k50.high)
        axes.plot([max(end, left) for end in ends], (row, row), color=BLUE, lw=1.6)
    if k50.median is not None and math.isfinite(k50.median):
        axes.plot(k50.median, row, **_K50)
    if not cell.evidence:
        beside = axes.get_yaxis_transform()
        axes.text(0.01, row, "not measured", transform=beside, va="center", color=INK)
    if claim is not None:
        axes.plot(claim.depth, row, **_CLAIM)
