"""Which cells of a study train equally deep, as far as their trials tell."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from string import ascii_lowercase
from typing import NamedTuple

from depthbench.report.comparison import ratio_of
from depthbench.report.results import CellResult, StudyResult

Key = tuple[str, ...]


class Ties(NamedTuple):
    """The cells that one cell ties with.

    Attributes:
        cells: Others as ARCH@PROTOCOL, or ARCH@PROTOCOL@RATE, in the study's order.
        letters: See `letters_of`.
    """

    cells: tuple[str, ...]
    letters: str


class DepthRow(NamedTuple):
    """A cell of the study, and the cells that it ties with."""

    cell: CellResult
    ties: Ties


def depth_rows(result: StudyResult) -> list[DepthRow]:
    """One for each cell, in the study's order."""
    found, none = ties(result.cells), Ties((), "")
    return [DepthRow(each, found.get(each.cell.key, none)) for each in result.cells]


def ties(cells: Sequence[CellResult]) -> dict[Key, Ties]:
    """The ties among cells of one data set, for each cell that has a k50.

    Two cells tie unless the 90 % interval of the ratio of their k50s excludes 1. Cells
    that are the same trainings, judged alike, are one: they do not tie, and share
    their ties.
    """
    groups: dict[tuple[object, ...], list[CellResult]] = {}
    for cell in cells:
        if cell.fit is not None:
            groups.setdefault(_trainings(cell), []).append(cell)
    nodes = list(groups.values())
    tied: list[set[int]] = [set() for _ in nodes]
    for a, b in combinations(range(len(nodes)), 2):
        one, other = nodes[a][0], nodes[b][0]
        if one.cell.data == other.cell.data and not _are_apart(one, other):
            tied[a].add(b)
            tied[b].add(a)
    return {
        cell.cell.key: Ties(
            tuple(_name(other) for i in sorted(others) for other in nodes[i]), letters
        )
        for same, others, letters in zip(nodes, tied, letters_of(tied), strict=True)
        for cell in same
    }


def letters_of(tied: Sequence[set[int]]) -> list[str]:
    """Letters such that two nodes share one if and only if they tie.

    A letter stands for a largest group in which all tie with all: a compact letter
    display (Piepho, "An algorithm for a letter-based representation of all-pairwise
    comparisons", Journal of Computational and Graphical Statistics 13, 2004).

    Args:
        tied: For each node the others that it ties with, a symmetric relation.
    """
    groups = sorted(sorted(group) for group in _cliques(tied) if len(group) > 1)
    return [
        "".join(_letter(n) for n, group in enumerate(groups) if node in group)
        for node in range(len(tied))
    ]


def _are_apart(a: CellResult, b: CellResult) -> bool:
    ratio = ratio_of(a, b)
    is_below = ratio.high is not None and ratio.high < 1
    is_above = ratio.low is not None and ratio.low > 1
    return is_below or is_above


def _trainings(cell: CellResult) -> tuple[object, ...]:
    return tuple((trial.record.id, trial.outcome) for trial in cell.evidence)


def _name(cell: CellResult) -> str:
    architecture, _, *rest = cell.cell.key
    return "@".join((architecture, *rest))


def _letter(number: int) -> str:
    """The letters a to z, then a2, b2, and so on."""
    turn, place = divmod(number, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(turn + 1) if turn else "")


def _cliques(tied: Sequence[set[int]]) -> Iterator[set[int]]:
    """The largest groups in which all tie with all.

    Source: Bron and Kerbosch, "Finding all cliques of an undirected graph",
    Communications of the ACM 16, 1973; with a pivot.
    """

    def grown(group: set[int], open_: set[int], done: set[int]) -> Iterator[set[int]]:
        if not open_ and not done:
            yield group
            return
        pivot = max(open_ | done, key=lambda node: len(tied[node] & open_))
        for node in open_ - tied[pivot]:
            yield from grown(group | {node}, open_ & tied[node], done & tied[node])
            open_, done = open_ - {node}, done | {node}

    yield from grown(set(), set(range(len(tied))), set())
