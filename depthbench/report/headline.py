"""The table at the top of a README: a row a network, its protocols side by side."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from depthbench.curves.words import estimate_text
from depthbench.report.display import NOTHING
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.report.ties import Key, Ties, ties
from depthbench.report.words import causes_text
from depthbench.text import count


class Headline(NamedTuple):
    """Headings, rows of texts in Markdown, and what to know of them.

    Attributes:
        is_number: For each column.
    """

    headings: tuple[str, ...]
    is_number: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def headline(result: StudyResult, escaped: Callable[[str], str]) -> Headline:
    """One row for the cells that differ in protocol alone, the deepest on top.

    Args:
        result: Of a study of several protocols.
        escaped: A text as Markdown shows it literally.
    """
    protocols = list(dict.fromkeys(cell.cell.protocol for cell in result.cells))
    tied = ties(result.cells)
    has_data = len({cell.cell.data for cell in result.cells}) > 1
    sides = " · ".join(protocols)
    headings = (
        "architecture",
        "block",
        "notebook, one run",
        *(f"k50, {protocol}" for protocol in protocols),
        f"trains / fails ({sides})",
        f"cause of failure ({sides})",
        "trials",
    )
    rows = tuple(
        (
            escaped(_name(cells[0], has_data=has_data)),
            escaped(cells[0].cell.description),
            _reference(cells[0]),
            *(_k50(_under(cells, protocol), tied) for protocol in protocols),
            _sides([_bracket(cell) for cell in cells]),
            escaped(_sides([causes_text(cell) or NOTHING for cell in cells])),
            str(len({trial.record.id for cell in cells for trial in cell.evidence})),
        )
        for cells in result.rows_by_depth
    )
    is_number = (False, False, *(True for _ in range(2 + len(protocols))), False, True)
    return Headline(headings, is_number, rows, _notes(result, tied))


def _name(cell: CellResult, *, has_data: bool) -> str:
    data = cell.cell.data if has_data else ""
    return ", ".join(filter(None, (cell.cell.architecture, data, cell.cell.rate.name)))


def _under(cells: list[CellResult], protocol: str) -> CellResult | None:
    return next((cell for cell in cells if cell.cell.protocol == protocol), None)


def _reference(cell: CellResult) -> str:
    return NOTHING if cell.cell.reference is None else str(cell.cell.reference[0])


def _k50(cell: CellResult | None, tied: Mapping[Key, Ties]) -> str:
    """With its interval, the letters of its ties, and whether it is final."""
    if cell is None:
        return NOTHING
    text = estimate_text(cell.fit.k50) if cell.fit else ""
    mine = tied.get(cell.cell.key)
    letters = f" <sup>{mine.letters}</sup>" if text and mine and mine.letters else ""
    state = "" if cell.status in (Status.DONE, Status.CENSORED) else str(cell.status)
    return ", ".join(filter(None, (text + letters, state))) or NOTHING


def _bracket(cell: CellResult) -> str:
    ends = (NOTHING if end is None else str(end) for end in (cell.trains, cell.fails))
    return " / ".join(ends)


def _sides(texts: list[str]) -> str:
    """One text where the protocols agree, else one for each."""
    return " · ".join(texts if len(set(texts)) > 1 else texts[:1])


def _notes(result: StudyResult, tied: Mapping[Key, Ties]) -> tuple[str, ...]:
    open_ = sum(cell.status is Status.UNFINISHED for cell in result.cells)
    return tuple(
        note
        for note, is_so in (
            (
                "k50 is the depth where half of all trainings succeed, with its 90 % "
                'interval; "trains / fails" is the deepest depth that trains and the '
                "next that was seen to fail.",
                True,
            ),
            (
                "k50s that share a letter cannot be told apart at 90 %.",
                any(mine.letters for mine in tied.values()),
            ),
            (f"{count(open_, 'cell')} of {len(result.cells)} unfinished.", open_),
        )
        if is_so
    )
