"""The table at the top of a README: a row per network, its protocols side by side."""

from collections.abc import Iterator, Mapping
from functools import partial

from depthbench.curves.words import estimate_text
from depthbench.report.fit_columns import forecast_text
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.report.table import NOTHING, Column, Table, escaped, shown
from depthbench.report.ties import Key, Ties, ties
from depthbench.report.words import causes_text
from depthbench.text import count

Row = list[CellResult]  # cells that differ in protocol alone


def headline(result: StudyResult) -> tuple[Table[Row], list[str]]:
    """The table of a study of several protocols, in Markdown, and what to know of it.

    The network that trains deepest is on top.
    """
    tied = ties(result.cells)
    columns = tuple(_columns(result, tied))
    return Table(columns, result.rows_by_depth), _notes(result, tied)


def _columns(result: StudyResult, tied: Mapping[Key, Ties]) -> Iterator[Column[Row]]:
    protocols = list(dict.fromkeys(cell.cell.protocol for cell in result.cells))
    has_data = len({cell.cell.data for cell in result.cells}) > 1
    sides = " · ".join(protocols)

    yield shown(
        "architecture", "text", lambda row: escaped(_name(row[0], has_data=has_data))
    )
    yield shown("block", "text", lambda row: escaped(row[0].cell.description))
    yield shown("notebook, one run", "k", lambda row: _reference(row[0]))
    for protocol in protocols:
        k50 = partial(_k50, protocol=protocol, tied=tied)
        yield shown(f"k50, {protocol}", "layers", k50)
    if any(cell.cell.forecast for cell in result.cells):
        yield shown("forecast", "layers", _forecast)
    yield shown(
        f"trains / fails ({sides})",
        "k",
        lambda row: _sides([_bracket(cell) for cell in row]),
    )
    yield shown(
        f"cause of failure ({sides})",
        "text",
        lambda row: escaped(_sides([causes_text(cell) or NOTHING for cell in row])),
    )
    yield shown(
        "trials",
        "count",
        lambda row: str(len({t.record.id for cell in row for t in cell.evidence})),
    )


def _name(cell: CellResult, *, has_data: bool) -> str:
    data = cell.cell.data if has_data else ""
    return ", ".join(filter(None, (cell.cell.architecture, data, cell.cell.rate.name)))


def _reference(cell: CellResult) -> str:
    return NOTHING if cell.cell.reference is None else str(cell.cell.reference[0])


def _forecast(row: Row) -> str:
    """Of k50 in train mode throughout, whatever the protocol."""
    known = (cell.cell for cell in row if cell.cell.forecast)
    return next(map(forecast_text, known), NOTHING)


def _k50(row: Row, protocol: str, tied: Mapping[Key, Ties]) -> str:
    """With its interval, the letters of its ties, and whether it is final."""
    cell = next((cell for cell in row if cell.cell.protocol == protocol), None)
    if cell is None:
        return NOTHING
    text = estimate_text(cell.k50)
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


def _notes(result: StudyResult, tied: Mapping[Key, Ties]) -> list[str]:
    notes = [
        "k50 is the depth where half of all trainings succeed, with its 90 % interval; "
        '"trains / fails" is the deepest depth that trains and the next that was seen '
        "to fail."
    ]
    if any(mine.letters for mine in tied.values()):
        notes.append("k50s that share a letter cannot be told apart at 90 %.")
    if num_open := sum(cell.status is Status.UNFINISHED for cell in result.cells):
        notes.append(f"{count(num_open, 'cell')} of {len(result.cells)} unfinished.")
    return notes
