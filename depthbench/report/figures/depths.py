"""The deepest depth that trains, one row per architecture."""

import textwrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import NullLocator

from depthbench.report.figures.panels import (
    arrow,
    row_label,
    set_depth_scale,
    sheet,
)
from depthbench.report.figures.style import (
    INK,
    MUTED,
    PAPER,
    RULE,
    Mark,
    figure_style,
    key,
    legend_above,
    protocol_mark,
)
from depthbench.report.figures.success import draw_interval
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.report.words import deepest_text

_LANE_INCHES = 0.23
_ARROW_POINTS = 26
_DESCRIPTION_POINTS = 9
_MOST_CHARACTERS = 40  # of a description
_INTERVAL_OFFSET = 0.33  # of a lane, below its middle

_HOLLOW: dict[str, Any] = {"ls": "none", "color": MUTED, "mfc": PAPER, "mew": 1.3}
_DOT = {"ms": 7.5}
_REFERENCE = _HOLLOW | {"marker": "D", "ms": 6}
_FORECAST = _HOLLOW | {"marker": "v", "ms": 5}


class _Row(NamedTuple):
    """The lanes of one architecture, from the top down."""

    label: str
    description: str
    cells: list[CellResult]
    reference: tuple[int, int] | None

    @property
    def num_lanes(self) -> int:
        return len(self.cells) + (self.reference is not None)


def depths_figure(result: StudyResult) -> Figure:
    """A dot at the deepest depth that trains, for each architecture and protocol.

    A thick line spans the bracket, a thin bar the zone where trials disagree, an
    arrow points where a censored answer lies, and a hollow diamond is the notebook's
    own answer. Below each lane's middle lie the interval of k50 and, as a hollow
    triangle, what was forecast of it. Rows are sorted by
    depth under the first protocol.
    """
    rows = _sorted_rows(result)
    gap = 0.9  # of a lane, between two rows
    num_lanes = sum(row.num_lanes + gap for row in rows)
    with figure_style():
        widest = max((_inches(row.description) for row in rows), default=0.0)
        left = max(2.5, 0.35 + widest)
        answers = (_inches(deepest_text(cell)) for cell in result.cells)
        right = max(0.5, 0.2 + max(answers, default=0.0))
        size = (6.6, _LANE_INCHES * num_lanes)
        page = sheet((1, 1), size, (left, right, 0.45, 0.5))
        axes = page.axes[0][0]
        set_depth_scale(axes, _shown_depths(result))
        lane = gap / 2
        for row in rows:
            _draw_row(axes, result, row, lane)
            lane += row.num_lanes + gap
            axes.axhline(lane - gap / 2, color=RULE, linewidth=0.7, zorder=0)
        axes.set_ylim(num_lanes, 0)
        axes.yaxis.set_major_locator(NullLocator())
        axes.set_xlabel("deepest depth k that trains")
        axes.grid(axis="x")
        axes.spines.left.set_visible(False)
        legend_above(page.figure, _legend(result, rows), columns=4)
    return page.figure


def _sorted_rows(result: StudyResult) -> list[_Row]:
    return [
        _Row(
            label=row_label(result, cells[0]),
            description=textwrap.shorten(
                cells[0].cell.description, _MOST_CHARACTERS, placeholder="…"
            ),
            cells=cells,
            reference=cells[0].cell.reference,
        )
        for cells in result.rows_by_depth
    ]


def _inches(text: str) -> float:
    """Its width on the sheet."""
    if not text:
        return 0.0
    path = TextPath((0, 0), text, size=_DESCRIPTION_POINTS)
    return float(path.get_extents().width) / 72


def _draw_row(axes: Axes, result: StudyResult, row: _Row, top: float) -> None:
    middle = top + row.num_lanes / 2
    lift = 0.38 if row.description else 0.0
    beside: dict[str, Any] = {
        "ha": "right",
        "va": "center",
        "transform": axes.get_yaxis_transform(),
    }
    axes.text(-0.025, middle - lift, row.label, weight="bold", **beside)
    axes.text(
        -0.025,
        middle + 0.42,
        row.description,
        color=MUTED,
        fontsize=_DESCRIPTION_POINTS,
        **beside,
    )
    for place, cell in enumerate(row.cells):
        mark = protocol_mark(result, cell.cell.protocol)
        _draw_cell(axes, cell, mark, top + place + 0.5)
    if row.reference is not None:
        y = top + len(row.cells) + 0.5
        axes.plot(row.reference[0], y, **_REFERENCE, label="reference")
        _label(axes, row.reference[0], y, f"{row.reference[0]}", MUTED, 0)


def _draw_cell(axes: Axes, cell: CellResult, mark: Mark, y: float) -> None:
    color = mark.color
    zone = cell.disagreement
    if zone is not None:
        axes.plot(zone, (y, y), **_bar(color, 5), alpha=0.3, label="zone")
    if cell.trains is not None and cell.fails is not None:
        bracket = (cell.trains, cell.fails)
        axes.plot(bracket, (y, y), **_bar(color, 2), label="bracket")
    if cell.fails is not None:
        axes.plot(cell.fails, y, "|", color=color, ms=12, mew=1.6, label="fails")
    if cell.trains is not None:
        face = color if cell.status is Status.DONE else PAPER
        dot: dict[str, Any] = {"color": color, "mfc": face, "mew": 1.6, **_DOT}
        axes.plot(cell.trains, y, mark.marker, **dot, label="trains")
    _draw_arrow(axes, cell, mark, y)
    draw_interval(axes, cell, y + _INTERVAL_OFFSET)
    if expected := _forecast(cell):
        axes.plot(expected, y + _INTERVAL_OFFSET, **_FORECAST, label="forecast")
    ends = [depth for depth in (cell.trains, cell.fails, *(zone or ())) if depth]
    k50 = cell.k50
    ends += [end for end in (k50.low, k50.median, k50.high) if end is not None]
    left, right = axes.get_xlim()
    at = min(max(ends, default=left), right)
    points_right = cell.status is Status.CENSORED and cell.trains is not None
    room = _ARROW_POINTS if points_right else 0
    _label(axes, at, y, deepest_text(cell), INK, room)


def _bar(color: str, width: float) -> dict[str, Any]:
    return {"color": color, "linewidth": width, "solid_capstyle": "butt"}


def _forecast(cell: CellResult) -> float | None:
    return cell.cell.forecast.k50 if cell.cell.forecast else None


def _draw_arrow(axes: Axes, cell: CellResult, mark: Mark, y: float) -> None:
    """Points to the side where the answer lies."""
    if cell.status is not Status.CENSORED:
        return
    at, points = cell.trains, _ARROW_POINTS
    if at is None:
        at, points = cell.fails, -_ARROW_POINTS
    arrow(axes, (at or 0, y), (points, 0), mark.color, lw=1.6)


def _label(
    axes: Axes, x: float, y: float, text: str, color: str, points: float
) -> None:
    """To the right of what is drawn; the margin of the sheet has room for it."""
    axes.annotate(
        text,
        (x, y),
        xytext=(points + 8, 0),
        textcoords="offset points",
        va="center",
        fontsize=_DESCRIPTION_POINTS,
        color=color,
        annotation_clip=False,
    )


def _shown_depths(result: StudyResult) -> list[int]:
    shown = [cell.cell.grid.start for cell in result.cells]
    for cell in result.cells:
        ends = (cell.trains, cell.fails)
        found = (*ends, *(cell.disagreement or ()), *(cell.cell.reference or ()))
        shown += [depth for depth in found if depth is not None]
        shown.append(round(cell.k50.median or shown[0]))
        shown.append(round(_forecast(cell) or shown[0]))
    return shown


def _legend(result: StudyResult, rows: list[_Row]) -> list[Line2D]:
    marks = {
        cell.cell.protocol: protocol_mark(result, cell.cell.protocol)
        for cell in result.cells
    }
    handles = [
        key(f"{name} (tick: next, fails)", color=color, marker=marker, **_DOT, lw=2)
        for name, (color, marker) in marks.items()
    ]
    handles.append(key("trials disagree", **_bar(MUTED, 5), alpha=0.4))
    handles.append(key("k50, 90 % interval", color=INK, lw=1.2, marker="."))
    if any(row.reference for row in rows):
        handles.append(key("notebook's own answer, one trial", **_REFERENCE))
    if any(_forecast(cell) for cell in result.cells):
        handles.append(key("forecast of k50", **_FORECAST))
    return handles
