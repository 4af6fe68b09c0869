"""Grids of panels: which cell goes where, and how its panel is headed."""

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation, Transform

from depthbench.report.figures.style import (
    INK,
    MUTED,
    OUTCOME_MARKS,
    PAPER,
    NotebookFigure,
    outcome_label,
    trial_url,
)
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.report.words import deepest_text

_LABEL_INCHES = 0.28  # from the axis of depths down to what it is
_WIDEST_LINEAR_RATIO = 8  # of depths; beyond, every tick doubles
_MAX_NAME = 26  # characters that fit beside a panel's answer


class Sheet(NamedTuple):
    """A figure with a grid of panels, by row, then column."""

    figure: Figure
    axes: list[list[Axes]]


def sheet(
    shape: tuple[int, int],
    panel: tuple[float, float],
    margins: tuple[float, float, float, float],
    gaps: tuple[float, float] = (0.0, 0.0),
) -> Sheet:
    """An empty grid of panels; lengths in inches.

    Fixed lengths rather than a layout engine: panels stay the same size however many
    there are, and drawing 32 of them takes no second pass. Labels of axes stand at
    fixed places, too, so that no tick is measured to find them.

    Args:
        shape: Rows, columns.
        panel: Width, height of one panel.
        margins: Left, right, top, bottom.
        gaps: Between columns, between rows.
    """
    (rows, columns), (width, height) = shape, panel
    left, right, top, bottom = margins
    total_width = left + columns * width + (columns - 1) * gaps[0] + right
    total_height = top + rows * height + (rows - 1) * gaps[1] + bottom
    figure = NotebookFigure(figsize=(total_width, total_height))
    places = {
        "left": left / total_width,
        "right": 1 - right / total_width,
        "top": 1 - top / total_height,
        "bottom": bottom / total_height,
        "wspace": gaps[0] / width,
        "hspace": gaps[1] / height,
    }
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=places).tolist()
    for row_axes in axes:
        for room, each in zip((left, *columns * [gaps[0]]), row_axes, strict=False):
            each.xaxis.set_label_coords(0.5, -_LABEL_INCHES / height)
            each.yaxis.set_label_coords((0.1 - room) / width, 0.5)
            each.yaxis.label.set_verticalalignment("top")
    return Sheet(figure, axes)


class CellPanels(NamedTuple):
    """A figure, and for each row of it the cells with the panels of each."""

    figure: Figure
    rows: list[list[tuple[CellResult, list[Axes]]]]

    def label_below(self, text: str) -> None:
        """What the horizontal axes are, below the last panel of each column."""
        panels = [[axes for _, own in row for axes in own] for row in self.rows]
        for column in zip_longest(*panels):
            [axes for axes in column if axes is not None][-1].set_xlabel(text)


def cell_panels(
    result: StudyResult,
    panel: tuple[float, float],
    margins: tuple[float, float, float, float],
    gaps: tuple[float, float],
    *,
    per_cell: int = 1,
    num_columns: int = 2,
) -> CellPanels:
    """Architectures as rows and protocols as columns; one protocol fills rows.

    Args:
        result: Its cells.
        panel: Width and height in inches, as the margins and gaps of `sheet`.
        margins: Left, right, top, bottom.
        gaps: Between columns, between rows.
        per_cell: Panels of a cell, side by side.
        num_columns: Cells in a row where there is one protocol.
    """
    rows, cells = result.rows, list(result.cells)
    if all(len(row) == 1 for row in rows):
        starts = range(0, len(cells), num_columns)
        rows = [cells[start : start + num_columns] for start in starts]
    columns = per_cell * max(len(row) for row in rows)
    page = sheet((len(rows), columns), panel, margins, gaps)
    for axes_row, row in zip(page.axes, rows, strict=True):
        for axes in axes_row[per_cell * len(row) :]:
            axes.set_visible(False)
    return CellPanels(
        page.figure,
        [
            [
                (cell, axes_row[per_cell * place : per_cell * (place + 1)])
                for place, cell in enumerate(row)
            ]
            for axes_row, row in zip(page.axes, rows, strict=True)
        ],
    )


def wide(result: StudyResult) -> float:
    """Inches of a panel that has the row for itself, or shares it with another."""
    return 6.6 if len(result.cells) == 1 else 3.95


def set_depth_scale(axes: Axes, depths: Sequence[int]) -> None:
    """Linear where all depths are of one size, else doubling with every tick.

    Leaves room for a label to the right of the deepest.
    """
    low, high = min(depths), max(depths)
    if high <= _WIDEST_LINEAR_RATIO * low:
        span = max(high - low, 1)
        axes.set_xlim(low - 0.05 * span, high + 0.15 * span)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    ticks = [low * 2**i for i in range(math.ceil(math.log2(high / low)) + 1)]
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    axes.set_xlim(low / 1.25, max(high * 1.5, ticks[-1]))


def arrow(
    axes: Axes,
    start: tuple[float, float],
    points: tuple[float, float],
    color: str,
    lw: float,
) -> None:
    """From a place in the data, by so many points."""
    axes.annotate(
        "",
        xy=start,
        xytext=points,
        textcoords="offset points",
        arrowprops={
            "arrowstyle": "<|-",
            "color": color,
            "lw": lw,
            # A length to shrink by is found by bisection, which blows up last digits.
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def draw_trials(
    axes: Axes,
    depth: int,
    points: Sequence[tuple[JudgedTrial, float]],
    protocol: str,
    *,
    apart: float,
) -> None:
    """Trials of one depth at their heights, side by side, so many points apart."""
    for place, (trial, height) in enumerate(points):
        mark = OUTCOME_MARKS[outcome_label(trial.outcome)]
        axes.plot(
            depth,
            height,
            mark.marker,
            color=mark.color,
            mec=PAPER,
            mew=0.6,
            ms=5.6,
            transform=shifted(axes, x=(place - (len(points) - 1) / 2) * apart),
            clip_on=False,
            zorder=3,
            label="trial",
            url=trial_url(trial, protocol),
        )


def shifted(axes: Axes, *, x: float = 0.0, y: float = 0.0) -> Transform:
    """The coordinates of the data, moved by points."""
    points = axes.get_figure(root=True).dpi_scale_trans  # type: ignore[union-attr]
    moved: Transform = axes.transData + ScaledTranslation(x / 72, y / 72, points)
    return moved


def say_no_trial(axes: Axes) -> None:
    """In the middle of an empty panel."""
    axes.text(
        0.5, 0.6, "no trial yet", transform=axes.transAxes, ha="center", color=MUTED
    )


def row_label(result: StudyResult, cell: CellResult) -> str:
    """The architecture, with data set and rate where the study has several."""
    several = len({each.cell.data for each in result.cells}) > 1
    rest = f" · {cell.cell.data}" if several else ""
    rest += f" · {cell.cell.rate.name}" if cell.cell.rate.name else ""
    room = max(_MAX_NAME - len(rest), 8)
    name = cell.cell.architecture
    return (name if len(name) <= room else f"{name[: room - 1]}…") + rest


def cell_name(result: StudyResult, cell: CellResult) -> str:
    """The row's label, with the protocol where the study has several."""
    several = len({each.cell.protocol for each in result.cells}) > 1
    name = row_label(result, cell)
    return f"{name} · {cell.cell.protocol}" if several else name


def panel_title(axes: Axes, result: StudyResult, cell: CellResult) -> None:
    """Which cell at the left, its answer at the right."""
    axes.set_title(cell_name(result, cell), loc="left", weight="bold", color=INK)
    axes.set_title(_answer(cell), loc="right", color=MUTED, fontsize=9)


def _answer(cell: CellResult) -> str:
    if cell.status is Status.DONE:
        return f"trains {cell.trains}, fails {cell.fails}"
    return deepest_text(cell)
