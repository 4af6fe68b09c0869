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
    names = [_described(cell, trials[0].depth) for cell, trials in shown]
    varying = [
        place
        for place, words in enumerate(zip(*names, strict=True))
        if len(set(words)) > 1
    ]
    return [
        Pictured(cell, _label([words[place] for place in varying or (0, 4)]), trials)
        for (cell, trials), words in zip(shown, names, strict=True)
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


def _described(cell: CellResult, depth: int) -> tuple[str, str, str, str, str]:
    """Architecture, data, protocol, rate and depth, in the order of a label."""
    named = cell.cell
    return (
        named.architecture,
        named.data,
        named.protocol,
        named.rate.name,
        f"k = {depth}",
    )


def _label(words: list[str]) -> str:
    return " · ".join(word for word in words if word)
