"""The test error of every trial against its depth, one panel per cell."""

from collections.abc import Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from depthbench.report.figures.panels import (
    cell_panels,
    draw_trials,
    panel_title,
    say_no_trial,
    wide,
)
from depthbench.report.figures.style import (
    BRACKET,
    INK,
    MUTED,
    SHADE,
    figure_style,
    legend_above,
    outcome_handles,
    outcome_label,
)
from depthbench.report.judged import JudgedTrial, shown_criterion
from depthbench.report.results import CellResult, StudyResult
from depthbench.text import short_percent
from depthbench.verdict import error_of

Row = list[tuple[CellResult, list[Axes]]]

DIVERGED_LEVEL = 1.12
NO_EVIDENCE_LEVEL = 1.28
_HALF_BAND = 0.07
_LABEL_POINTS = 24  # from one label of two lines to the next
_POINTS_APART = 3.2  # two trials of one depth


def errors_figure(result: StudyResult) -> Figure:
    """Test error against depth, a point per trial, coloured and shaped by its outcome.

    Trials without an error stand in bands above 100 %: the diverged, and, if there
    are any, those that could not be measured. The bracket is shaded.
    """
    labels = {outcome_label(t.outcome) for cell in result.cells for t in cell.trials}
    has_failed = "no evidence" in labels
    with figure_style():
        page = cell_panels(
            result,
            (wide(result), 1.75 if has_failed else 1.6),
            (1.15, 0.85, 0.68, 0.5),
            (0.3, 0.52),
        )
        for row in page.rows:
            _draw_row(result, row, has_failed=has_failed)
            _label_sides(row)
        handles = outcome_handles(labels, ls="none", ms=6.5)
        page.label_below("depth k")
        legend_above(page.figure, handles, columns=len(labels) or 1)
    return page.figure


def _height(cell: CellResult, trial: JudgedTrial) -> float:
    if not trial.outcome.is_evidence:
        return NO_EVIDENCE_LEVEL
    criterion = shown_criterion(cell.cell.criterion)
    if not trial.has_final_error:
        return DIVERGED_LEVEL
    return error_of(trial.record.epochs[-1], criterion)


def _draw_row(result: StudyResult, row: Row, *, has_failed: bool) -> None:
    shared = [t.depth for cell, _ in row for t in cell.trials]
    is_shared = len({cell.cell.architecture for cell, _ in row}) == 1
    for place, (cell, (axes,)) in enumerate(row):
        depths = shared if is_shared else [trial.depth for trial in cell.trials]
        deepest = max([*depths, 2 * cell.cell.grid.start])
        axes.set_xlim(-0.02 * deepest, 1.06 * deepest)
        _draw_frame(axes, cell, has_failed=has_failed)
        _draw_points(axes, cell)
        panel_title(axes, result, cell)
        axes.tick_params(labelleft=place == 0)


def _draw_frame(axes: Axes, cell: CellResult, *, has_failed: bool) -> None:
    top = NO_EVIDENCE_LEVEL if has_failed else DIVERGED_LEVEL
    axes.set_ylim(-0.03, top + _HALF_BAND)
    levels = [DIVERGED_LEVEL, NO_EVIDENCE_LEVEL][: 1 + has_failed]
    names = ["diverged", "no evidence"][: 1 + has_failed]
    fractions = [0.0, 0.25, 0.5, 0.75]
    axes.set_yticks(fractions + levels, [f"{100 * f:.0f} %" for f in fractions] + names)
    for level in levels:
        axes.axhspan(
            level - _HALF_BAND,
            level + _HALF_BAND,
            color=SHADE,
            lw=0,
            zorder=0.4,
            label="band",
        )
    if cell.trains is not None and cell.fails is not None:
        bracket = (cell.trains, cell.fails)
        axes.axvspan(
            *bracket, fc=BRACKET, ec=MUTED, lw=0.6, zorder=0.5, label="bracket"
        )
    threshold = cell.cell.criterion.threshold
    axes.axhline(
        threshold, color=INK, lw=1, ls=(0, (4, 2)), zorder=1, label="threshold"
    )
    if cell.chance_error:
        axes.axhline(
            cell.chance_error, color=MUTED, lw=1, ls=":", zorder=1, label="chance"
        )
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _draw_points(axes: Axes, cell: CellResult) -> None:
    for depth, at_depth in groupby(cell.trials, key=lambda trial: trial.depth):
        points = [(trial, _height(cell, trial)) for trial in at_depth]
        draw_trials(axes, depth, points, cell.cell.protocol, apart=_POINTS_APART)
    if not cell.trials:
        say_no_trial(axes)


def _label_sides(row: Row) -> None:
    """Names of the lines at the right end of a row, of the errors at the left."""
    cell, (last,) = row[-1]
    lines = [("threshold", cell.cell.criterion.threshold, INK)]
    if cell.chance_error:
        lines.append(("chance", cell.chance_error, MUTED))
    push = _push(last, [height for _, height, _ in lines])
    for (name, height, color), up in zip(lines, push, strict=True):
        last.annotate(
            f"{name}\n{short_percent(height)}",
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(6, up),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=9,
            linespacing=1.1,
        )
    source = shown_criterion(cell.cell.criterion).source
    row[0][1][0].set_ylabel(f"{source} error")


def _push(axes: Axes, heights: Sequence[float]) -> list[float]:
    """How many points up each of at most two labels goes, to leave the other free."""
    low, high = axes.get_ylim()
    points = axes.get_window_extent().height / axes.figure.dpi * 72 / (high - low)
    apart = (max(heights) - min(heights)) * points
    each = max(0.0, _LABEL_POINTS - apart) / 2 if len(heights) > 1 else 0.0
    top = heights.index(max(heights))
    return [each if place == top else -each for place in range(len(heights))]
