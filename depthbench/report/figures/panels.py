"""Grids of panels: which cell goes where, and how its panel is headed."""

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from depthbench.report.figures.style import INK, MUTED, NotebookFigure
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.report.words import deepest_text

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
    there are, and drawing 32 of them takes no second pass.

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
    axes = [
        [
            figure.add_axes(
                (
                    (left + column * (width + gaps[0])) / total_width,
                    1 - (top + (row + 1) * height + row * gaps[1]) / total_height,
                    width / total_width,
                    height / total_height,
                )
            )
            for column in range(columns)
        ]
        for row in range(rows)
    ]
    return Sheet(figure, axes)


def panel_grid(result: StudyResult, *, columns: int = 2) -> list[list[CellResult]]:
    """Architectures as rows and protocols as columns; one protocol fills rows."""
    rows = result.rows
    if any(len(row) > 1 for row in rows):
        return rows
    cells = list(result.cells)
    return [cells[i : i + columns] for i in range(0, len(cells), columns)]


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
