"""Which trials a report pictures, and what tells them apart."""

from typing import NamedTuple

from depthbench.report.judged import JudgedTrial
from depthbench.report.results import CellResult, StudyResult
from depthbench.search import strategy_of

# A grid of more depths is too much for one picture.
_MOST_DEPTHS = 4


class Pictured(NamedTuple):
    """The trials of one cell at one depth.

    Attributes:
        label: What varies from one cell to the next: "resnet · k = 32".
        trials: Measured and with at least one completed epoch or step, by seed.
    """

    cell: CellResult
    label: str
    trials: tuple[JudgedTrial, ...]


def pictured(result: StudyResult) -> list[Pictured]:
    """Each cell with trials, in the study's order.

    At every depth of a short grid. Otherwise at the deepest that trains; where none
    does, at the shallowest that was tried. Where learning rates are searched for, only
    the trials at the best count.
    """
    shown = [
        (cell, trials) for cell in result.cells for trials in _trials(result, cell)
    ]
    words = [(*_names(cell), f"k = {trials[0].depth}") for cell, trials in shown]
    columns = list(zip(*words, strict=True))
    telling = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    return [
        Pictured(
            cell, " · ".join(w for at in telling or (0, 4) if (w := own[at])), trials
        )
        for (cell, trials), own in zip(shown, words, strict=True)
    ]


def pictures_all_depths(result: StudyResult) -> bool:
    """Whether every depth is shown, as of a short grid."""
    depths = {t.depth for cell in result.cells for t in cell.evidence}
    adapts = strategy_of(result.study.search_spec).adapts
    return not adapts and len(depths) <= _MOST_DEPTHS


def _trials(result: StudyResult, cell: CellResult) -> list[tuple[JudgedTrial, ...]]:
    """Those that ran some steps, at each depth that is pictured."""
    by_depth: dict[int, list[JudgedTrial]] = {}
    for trial in cell.evidence:
        if trial.record.num_steps:
            by_depth.setdefault(trial.depth, []).append(trial)
    if not pictures_all_depths(result):
        depth = cell.trains if cell.trains in by_depth else min(by_depth, default=None)
        by_depth = {each: by_depth[each] for each in by_depth if each == depth}
    return [tuple(by_depth[depth]) for depth in sorted(by_depth)]


def _names(cell: CellResult) -> tuple[str, str, str, str]:
    named = cell.cell
    return named.architecture, named.data, named.protocol, named.rate.name
