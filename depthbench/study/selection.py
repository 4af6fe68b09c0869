"""Which results folder, and which of its cells, as a user names them."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, get_args

from depthbench.report.results import CellResult
from depthbench.spec import UsageError
from depthbench.spec.choices import ProtocolName


class Choice(NamedTuple):
    """Cells of a results folder.

    Attributes:
        architecture: A name, wildcards allowed.
        protocol: None for any.
        data: None for any.
        rate: Name of the learning rate, in a study of several; None for any.
    """

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


def folder_of(text: str) -> tuple[Path, str]:
    """FOLDER and what follows it in FOLDER:CELLS, for `parse_choice`.

    The folder ends at the first colon before which there is a folder.

    Raises:
        UsageError: If there is no such folder, or no study in it.
    """
    ends = [place for place, letter in enumerate(text) if letter == ":"]
    for end in (len(text), *ends):
        folder = Path(text[:end])
        if text[:end] and folder.is_dir():
            break
    else:
        raise UsageError(
            f"{text}: no such folder; give a results folder, or FOLDER:ARCH for one "
            "of its architectures"
        )
    if not (folder / "study.toml").exists():
        raise UsageError(f"{folder} is no results folder: it has no study.toml")
    return folder, text[end + 1 :]


def parse_choice(text: str) -> Choice:
    """ARCH, ARCH@PROTOCOL or ARCH@PROTOCOL@DATA; without an ARCH, any.

    Protocol and data may stand in either order, as no data set has a protocol's name;
    so may a learning rate: ARCH@lr 0.05, ARCH@scaled, ARCH@tuned.

    Raises:
        UsageError: If it is none of these.
    """
    architecture, *rest = text.split("@")
    protocols = [part for part in rest if part in get_args(ProtocolName)]
    rates = [part for part in rest if _is_rate(part)]
    others = [part for part in rest if part not in (*protocols, *rates)]
    if max(map(len, (protocols, rates, others))) > 1 or "" in rest:
        raise UsageError(f"{text}: write ARCH@PROTOCOL@DATA")
    return Choice(
        architecture or "*",
        protocols[0] if protocols else None,
        others[0] if others else None,
        rates[0] if rates else None,
    )


def chosen(
    text: str, cells: Sequence[CellResult], folder: Path
) -> tuple[CellResult, ...]:
    """The cells of a results folder that a text as for `parse_choice` means.

    Raises:
        UsageError: If there are none, saying which there are.
    """
    choice = parse_choice(text)
    found = tuple(cell for cell in cells if choice.takes(cell))
    if not found:
        there = ", ".join(cell_text(cell) for cell in cells) or "none"
        raise UsageError(f"{text}: no such cell; {folder} has {there}")
    return found


def cell_text(cell: CellResult) -> str:
    """A cell as `parse_choice` takes it."""
    architecture, data, protocol, *rate = cell.cell.key
    return "@".join((architecture, protocol, data, *rate))


def _is_rate(part: str) -> bool:
    return part in ("scaled", "tuned") or part.startswith("lr ")
