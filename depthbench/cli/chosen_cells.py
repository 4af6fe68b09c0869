"""Which cells of two results folders are compared, as a user names them."""

from collections.abc import Callable, Hashable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, get_args

import click

from depthbench.report.comparison import Side
from depthbench.report.results import CellResult, StudyResult
from depthbench.spec.choices import ProtocolName


class Choice(NamedTuple):
    """A results folder, and which of its cells.

    Attributes:
        text: As the user wrote it.
        architecture: A name, wildcards allowed.
        protocol: None for any.
        data: None for any.
        rate: Name of the learning rate, in a study of several; None for any.
    """

    text: str
    folder: Path
    architecture: str = "*"
    protocol: str | None = None
    data: str | None = None
    rate: str | None = None

    def takes(self, cell: CellResult) -> bool:
        """Whether a cell is among those that are meant."""
        one = cell.cell
        return (
            fnmatchcase(one.architecture, self.architecture)
            and self.protocol in (None, one.protocol)
            and self.data in (None, one.data)
            and self.rate in (None, one.rate.name)
        )


def parse_choice(text: str) -> Choice:
    """FOLDER, or FOLDER:ARCH, FOLDER:ARCH@PROTOCOL, FOLDER:ARCH@PROTOCOL@DATA.

    Protocol and data may stand in either order, as no data set has a protocol's name;
    so may a learning rate: FOLDER:ARCH@lr 0.05, FOLDER:ARCH@scaled, FOLDER:ARCH@tuned.
    The folder ends at the first colon before which there is a folder.

    Raises:
        click.UsageError: If there is no such folder, or no study in it.
    """
    ends = [place for place, letter in enumerate(text) if letter == ":"]
    for end in (len(text), *ends):
        folder = Path(text[:end])
        if text[:end] and folder.is_dir():
            break
    else:
        raise click.UsageError(
            f"{text}: no such folder; give a results folder, or FOLDER:ARCH for one "
            "of its architectures"
        )
    if not (folder / "study.toml").exists():
        raise click.UsageError(f"{folder} is no results folder: it has no study.toml")
    architecture, *rest = text[end + 1 :].split("@")
    protocols = [part for part in rest if part in get_args(ProtocolName)]
    rates = [part for part in rest if _is_rate(part)]
    others = [part for part in rest if part not in (*protocols, *rates)]
    if max(map(len, (protocols, rates, others))) > 1 or "" in rest:
        raise click.UsageError(f"{text}: write FOLDER:ARCH@PROTOCOL@DATA")
    return Choice(
        text,
        folder,
        architecture or "*",
        protocols[0] if protocols else None,
        others[0] if others else None,
        rates[0] if rates else None,
    )


def _is_rate(part: str) -> bool:
    return part in ("scaled", "tuned") or part.startswith("lr ")


def chosen(choice: Choice, study: StudyResult) -> list[Side]:
    """The cells of a study that are meant.

    Raises:
        click.UsageError: If there are none, saying which there are.
    """
    found = [Side(study, cell) for cell in study.cells if choice.takes(cell)]
    if not found:
        there = ", ".join(cell_text(cell) for cell in study.cells) or "none"
        raise click.UsageError(
            f"{choice.text}: no such cell; {choice.folder} has {there}"
        )
    return found


def matched(a: Sequence[Side], b: Sequence[Side]) -> list[tuple[Side, Side]]:
    """The cells that belong together, in the order of `a`.

    One cell on each side is a pair, whatever the two are. Else those of the same
    architecture, data and protocol are; and where each side is of one architecture,
    those of the same data and protocol.

    Raises:
        click.UsageError: If nothing belongs together, saying what there is.
    """
    if len(a) == len(b) == 1:
        return [(a[0], b[0])]
    pairs = _joined(a, b, lambda cell: cell.cell.key)
    has_one_each = all(len({s.cell.cell.architecture for s in x}) == 1 for x in (a, b))
    if not pairs and has_one_each:
        pairs = _joined(a, b, lambda cell: cell.cell.key[1:])
    if pairs:
        return pairs
    sides = (", ".join(cell_text(side.cell) for side in x) for x in (a, b))
    raise click.UsageError(
        "A and B have no cell in common: A has {}; B has {}; name one of each, as in "
        "FOLDER:ARCH@PROTOCOL@DATA".format(*sides)
    )


def cell_text(cell: CellResult) -> str:
    """A cell as one may write it after FOLDER and a colon."""
    architecture, data, protocol, *rate = cell.cell.key
    return "@".join((architecture, protocol, data, *rate))


def _joined(
    a: Sequence[Side],
    b: Sequence[Side],
    key: Callable[[CellResult], Hashable],
) -> list[tuple[Side, Side]]:
    others = {key(side.cell): side for side in b}
    return [(side, others[key(side.cell)]) for side in a if key(side.cell) in others]
