"""Which trials a report pictures, and what tells them apart."""

from typing import NamedTuple

from depthbench.report.judged import JudgedTrial
from depthbench.report.results import CellResult, StudyResult


class Pictured(NamedTuple):
    """The trials of one cell at the depth that stands for it.

    Attributes:
        label: What varies from one cell to the next: "resnet · k = 32".
        trials: Measured and with at least one completed epoch or step, by seed.
    """

    cell: CellResult
    label: str
    trials: tuple[JudgedTrial, ...]


def pictured(result: StudyResult) -> list[Pictured]:
    """Each cell with trials, in the study's order.

    Its depth is the deepest that trains; where none does, the shallowest that was
    tried. Where learning rates are searched for, only the trials at the best count.
    """
    chosen = [(cell, _trials(cell)) for cell in result.cells]
    shown = [(cell, trials) for cell, trials in chosen if trials]
    told = [_described(cell, trials[0].depth) for cell, trials in shown]
    varying = [
        place
        for place, words in enumerate(zip(*told, strict=True))
        if len(set(words)) > 1
    ]
    return [
        Pictured(cell, _label([words[place] for place in varying or (0, 4)]), trials)
        for (cell, trials), words in zip(shown, told, strict=True)
    ]


def _trials(cell: CellResult) -> tuple[JudgedTrial, ...]:
    measured = [trial for trial in cell.evidence if trial.record.num_steps]
    depths = {trial.depth for trial in measured}
    depth = cell.trains if cell.trains in depths else min(depths, default=None)
    return tuple(trial for trial in measured if trial.depth == depth)


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
