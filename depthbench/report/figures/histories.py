"""A picture on request: loss and accuracy along trainings, side by side."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from depthbench.record import TrialRecord
from depthbench.report.epoch_columns import epoch_ends
from depthbench.report.figures.panels import sheet
from depthbench.report.figures.style import MUTED, figure_style, key, legend_above
from depthbench.report.pictured import Pictured, pictured
from depthbench.report.results import StudyResult
from depthbench.spec import Criterion
from depthbench.spec.criterion import ErrorSource
from depthbench.verdict import error_of

# Ten that can be distinguished with any colour vision.
_COLORS = sns.color_palette("colorblind", 10).as_hex()
_MARKERS = ("o", "s", "^", "D", "v", "X", "P", "*", "<", ">")
_COLUMNS = 3

# Of a linear axis of losses, as a multiple of chance.
_MOST_ROOM = 3


def histories_figure(result: StudyResult) -> Figure:
    """Training loss and accuracy against iterations.

    A line is a trial, a colour a cell. The loss is of every step, faint, and of the
    mean of every few, on a logarithmic axis where it rises to several times that of
    chance. Solid accuracies are of validation images where the study holds some out,
    else of test images; hollow ones are over the training images: after each epoch if
    the study tested on them, else as they were trained on.
    """
    shown = pictured(result)
    rows = -(-len(shown) // _COLUMNS)
    with figure_style():
        page = sheet((1, 2), (3.6, 2.5), (0.6, 0.2, 0.38 + 0.21 * rows, 0.5), (0.75, 0))
        loss_axes, accuracy_axes = page.axes[0]
        for place, one in enumerate(shown):
            for trial in one.trials:
                _draw_loss(loss_axes, trial.record, place)
                _draw_accuracy(accuracy_axes, one, trial.record, place)
        _finish(loss_axes, "training loss, nats")
        _scale_losses(loss_axes, shown)
        _finish(accuracy_axes, f"accuracy, {_source(result)} (hollow: training)")
        accuracy_axes.set_ylim(0, 1)
        accuracy_axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        legend = [
            key(one.label, **_look(place), lw=1.6, ms=5)
            for place, one in enumerate(shown)
        ]
        legend_above(page.figure, legend, columns=_COLUMNS)
    return page.figure


def accuracy_points(
    record: TrialRecord, criterion: Criterion
) -> list[tuple[float, float]]:
    """(iterations, accuracy) at the end of each epoch that has one of this source."""
    is_everywhere = criterion.source == "train"
    return [
        (end, 1 - error_of(epoch, criterion))
        for end, epoch in zip(epoch_ends(record), record.epochs, strict=True)
        if is_everywhere or epoch.is_tested
    ]


def _between_epochs(
    record: TrialRecord, criterion: Criterion
) -> list[tuple[float, float]]:
    """The same before training and within epochs, where the trial was tested then."""
    heads = slice(None) if criterion.heads == "mean" else slice(-1, None)
    return [(point.num_steps, 1 - mean(point.error[heads])) for point in record.tests]


def _source(result: StudyResult) -> str:
    return "validation" if result.study.num_validation else "test"


def _look(place: int) -> dict[str, Any]:
    """Of the network at a place among those that are shown."""
    marker = _MARKERS[place % len(_MARKERS)]
    return {"color": _COLORS[place % len(_COLORS)], "marker": marker}


def _draw_loss(axes: Axes, record: TrialRecord, place: int) -> None:
    color, every = _COLORS[place % len(_COLORS)], record.step_losses
    axes.plot(
        range(len(every)),
        every,
        color=color,
        lw=0.5,
        alpha=0.3,
        label="every step",
        rasterized=True,  # of thousands of points, within a vector graphic
    )
    steps = [point.num_steps for point in record.trace]
    losses = [point.loss for point in record.trace]
    axes.plot(steps, losses, color=color, lw=1.2, label="loss")


def _draw_accuracy(axes: Axes, one: Pictured, record: TrialRecord, place: int) -> None:
    look = _look(place)
    tests = [epoch for epoch in record.epochs if epoch.is_tested]
    has_validation = all(epoch.validation_error for epoch in tests)
    tested = replace(
        one.cell.cell.criterion, source="validation" if has_validation else "test"
    )
    has_after = tests and all(epoch.train_error_after for epoch in tests)
    trained: ErrorSource = "train_after" if has_after else "train"
    lines = (
        (tested, "-", look["color"], "tested"),
        (replace(tested, source=trained), (0, (3, 1.6)), "none", "trained"),
    )
    for criterion, line, filling, label in lines:
        points = accuracy_points(record, criterion)
        if criterion is tested:
            points = sorted([*points, *_between_epochs(record, criterion)])
        axes.plot(
            [steps for steps, _ in points],
            [accuracy for _, accuracy in points],
            **look,
            ls=line,
            mfc=filling,
            ms=4.5,
            lw=1.3,
            label=label,
        )


def _scale_losses(axes: Axes, shown: Sequence[Pictured]) -> None:
    """From 0 to the highest, or logarithmic; no finite loss is cut off."""
    chances = [one.cell.chance for one in shown]
    chance = max((each.train_loss for each in chances if each), default=1.0)
    losses = np.concatenate([line.get_ydata() for line in axes.lines] or [[chance]])
    highest = losses[np.isfinite(losses)].max(initial=chance)
    if highest > _MOST_ROOM * chance:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.05 * highest)


def _finish(axes: Axes, name: str) -> None:
    axes.set_xlim(left=0)
    axes.set_xlabel("iteration")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.text(0, 1.03, name, transform=axes.transAxes, color=MUTED, fontsize=9)
    if not axes.lines:
        axes.text(0.02, 0.5, "no trial yet", transform=axes.transAxes, color=MUTED)
    axes.grid(axis="y")
