"""Learning curves on the two sides of the bracket."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from depthbench.record import Chance, EpochRecord
from depthbench.report.figures.panels import cell_name, cell_panels
from depthbench.report.figures.style import (
    INK,
    MUTED,
    OUTCOME_MARKS,
    PAPER,
    SHADE,
    figure_style,
    key,
    legend_above,
    outcome_handles,
    outcome_label,
    trial_url,
)
from depthbench.report.judged import JudgedTrial, shown_criterion
from depthbench.report.results import CellResult, StudyResult
from depthbench.spec import Criterion
from depthbench.verdict import chance_of, error_of

_DASHES: dict[str, Any] = {"trains": (1, 0), "fails": (3, 1.6)}

# Heights as multiples of chance. The largest error there is, 1, lies below the band
# from three classes on.
_BAND = (1.14, 1.30)
DIVERGED_LEVEL = 1.22

_APART = 0.12  # from one label of an error to the next


class EpochPoint(NamedTuple):
    """What a trial had reached after an epoch, from 1."""

    epoch: int
    loss: float
    error: float


def curves_figure(result: StudyResult) -> Figure:
    """Training loss and test error after each epoch, a line per trial.

    Solid lines are at the deepest depth that trains, dashed lines at the next, which
    fails; colours and markers are the outcomes'. A diverged trial ends in the band
    above, at the epoch it did not complete.
    """
    shown = [trial for cell in result.cells for _, trial in sides_of(cell)]
    with figure_style():
        page = cell_panels(
            result,
            (1.75 if len(result.cells) > 1 else 3.3, 1.3),
            (0.45, 0.85, 0.85, 0.5),
            (0.55, 0.68),
            per_cell=2,
        )
        for row in page.rows:
            for cell, pair in row:
                _draw_cell(pair, result, cell)
            cell, (_, last) = row[-1]
            _label_lines(last, cell)
        labels = {outcome_label(trial.outcome) for trial in shown}
        page.label_below("epoch")
        lines = [
            key("deepest that trains", color=MUTED, lw=1.6),
            key("next, fails", color=MUTED, lw=1.6, ls=(0, _DASHES["fails"])),
        ]
        outcomes = outcome_handles(labels, lw=1.6, ms=6)
        legend_above(page.figure, lines + outcomes, columns=7)
    return page.figure


def sides_of(cell: CellResult) -> list[tuple[str, JudgedTrial]]:
    """The measured trials at both ends of the bracket."""
    return [
        (side, trial)
        for side, depth in (("trains", cell.trains), ("fails", cell.fails))
        for trial in cell.evidence
        if trial.depth == depth
    ]


def curve_points(cell: CellResult, trial: JudgedTrial) -> list[EpochPoint]:
    """One for each epoch that was tested.

    Loss and error are of the heads that the criterion reads. A diverged trial has
    one more point, at the height of the band.
    """
    criterion = shown_criterion(cell.cell.criterion)
    points = [
        EpochPoint(number, _train_loss(epoch, criterion), error_of(epoch, criterion))
        for number, epoch in enumerate(trial.record.epochs, start=1)
        if epoch.is_tested
    ]
    if trial.record.first_nonfinite_step is not None:
        loss, error = (DIVERGED_LEVEL * chance for chance in _chances(cell))
        done = min(len(points), trial.record.spec.epochs - 1)
        points[done:] = [EpochPoint(done + 1, loss, error)]
    return points


def _train_loss(epoch: EpochRecord, criterion: Criterion) -> float:
    losses = epoch.train_loss
    return losses[-1] if criterion.heads == "last" else sum(losses) / len(losses)


def _chances(cell: CellResult) -> tuple[float, float]:
    """Loss and error of the best constant answer."""
    chance = cell.chance or Chance.even(2)
    return chance.train_loss, chance_of(chance, cell.cell.criterion)


def _draw_cell(pair: Sequence[Axes], result: StudyResult, cell: CellResult) -> None:
    loss_axes, error_axes = pair
    names: tuple[Literal["loss", "error"], ...] = ("loss", "error")
    for axes, what, chance in zip(pair, names, _chances(cell), strict=True):
        if not sides_of(cell):
            axes.text(0, 0.5, "" if axes is error_axes else "no trial yet", color=MUTED)
            axes.set_axis_off()
            continue
        axes.set_xlim(0.8, cell.cell.template.epochs + 0.2)
        axes.set_ylim(0, _BAND[1] * chance)
        band = (_BAND[0] * chance, _BAND[1] * chance)
        axes.axhspan(*band, color=SHADE, lw=0, label="band")
        axes.axhline(chance, color=MUTED, lw=1, ls=":", zorder=1, label="chance")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        _draw_lines(axes, cell, what)
        above: dict[str, Any] = {"transform": axes.transAxes, "color": MUTED}
        source = shown_criterion(cell.cell.criterion).source
        name = "training loss, nats" if what == "loss" else f"{source} error"
        axes.text(0, 1.05, name, fontsize=9, **above)
    _draw_threshold(error_axes, cell)
    loss_axes.set_title(cell_name(result, cell), loc="left", weight="bold", pad=18)
    error_axes.set_title(_sides_text(cell), loc="right", pad=18, fontsize=9)


def _draw_threshold(axes: Axes, cell: CellResult) -> None:
    threshold, chance = cell.cell.criterion.threshold, _chances(cell)[1]
    axes.axhline(threshold, color=INK, lw=1, ls=(0, (4, 2)), label="threshold")
    ticks = [threshold]
    for other in (0, chance, 0.5):
        if min(abs(other - tick) for tick in ticks) > _APART:
            ticks.append(other)
    axes.set_yticks(ticks)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


def _label_lines(axes: Axes, cell: CellResult) -> None:
    """Names of the lines, at the right end of a row."""
    if not axes.axison:
        return
    chance = _chances(cell)[1]
    names = {"diverged": DIVERGED_LEVEL * chance, "chance": chance}
    for name, height in (names | {"threshold": cell.cell.criterion.threshold}).items():
        axes.annotate(
            name,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK if name == "threshold" else MUTED,
        )


def _draw_lines(axes: Axes, cell: CellResult, what: Literal["loss", "error"]) -> None:
    for side, trial in sides_of(cell):
        points = curve_points(cell, trial)
        epochs = [point.epoch for point in points]
        heights = [getattr(point, what) for point in points]
        mark = OUTCOME_MARKS[outcome_label(trial.outcome)]
        look: dict[str, Any] = {"color": mark.color, "lw": 1.6}
        axes.plot(epochs, heights, dashes=_DASHES[side], **look, label="trial")
        axes.plot(
            epochs,
            heights,
            mark.marker,
            color=mark.color,
            ms=4.9,
            mec=PAPER,
            mew=0.5,
            zorder=3,
            label="epochs",
            url=trial_url(trial, cell.cell.protocol) if what == "error" else None,
        )


def _sides_text(cell: CellResult) -> str:
    sides = (("solid", cell.trains), ("dashed", cell.fails))
    return ", ".join(f"{line} k = {depth}" for line, depth in sides if depth)
