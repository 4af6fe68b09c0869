"""Where rules would have stopped full trainings, and how these ended in truth."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from depthbench.report.figures.panels import sheet
from depthbench.report.figures.style import (
    INK,
    MUTED,
    OUTCOME_MARKS,
    RULE,
    figure_style,
    legend_above,
)


class StopPoint(NamedTuple):
    """A full training under a rule.

    Attributes:
        depth: Of the network.
        share_done: Steps until the rule would have stopped it, of all; 1 if it would
            not.
        outcome: How the training in full ended.
        is_wrong: Whether the rule would have concluded something else.
    """

    depth: int
    share_done: float
    outcome: str
    is_wrong: bool


def stops_figure(panels: Sequence[tuple[str, Sequence[StopPoint]]]) -> Figure:
    """A panel a rule: depth against the share of the training that it would do.

    Args:
        panels: The name of each rule and its trainings.
    """
    with figure_style():
        drawn = sheet((1, len(panels)), (3.6, 2.5), (0.6, 0.2, 0.7, 0.5), (0.35, 0.0))
        for axes, (name, points) in zip(drawn.axes[0], panels, strict=True):
            _draw(axes, name, points)
        drawn.axes[0][0].set_ylabel("share of the training done")
        seen = {point.outcome for _, points in panels for point in points}
        handles = [
            Line2D([], [], color=mark.color, marker=mark.marker, ls="", label=outcome)
            for outcome, mark in OUTCOME_MARKS.items()
            if outcome in seen
        ]
        ring = Line2D([], [], color=INK, marker="o", ls="", label="wrong stop", ms=9)
        ring.set_fillstyle("none")
        legend_above(drawn.figure, [*handles, ring], 6)
    return drawn.figure


def _draw(axes: Axes, name: str, points: Sequence[StopPoint]) -> None:
    axes.axhline(1.0, color=RULE, lw=0.8)
    for point in points:
        mark = OUTCOME_MARKS[point.outcome]
        place = ([point.depth], [point.share_done])
        axes.plot(
            *place, color=mark.color, marker=mark.marker, ls="", ms=4.5, alpha=0.75
        )
        if point.is_wrong:
            axes.plot(*place, color=INK, marker="o", ls="", ms=9, fillstyle="none")
    axes.set_ylim(0, 1.06)
    axes.set_xlabel("depth")
    axes.set_title(name, color=MUTED, fontsize=7.5, loc="left")
