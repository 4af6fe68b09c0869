"""Which results folder, and which of its cells, as a user names them."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import get_args

from depthbench.report.results import CellResult
from depthbench.spec import UsageError
from depthbench.spec.choices import ProtocolName


def folder_of(text: str) -> tuple[Path, str]:
    """FOLDER and what follows it in FOLDER:CELLS, for `chosen`.

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


def chosen(
    text: str, cells: Sequence[CellResult], folder: Path
) -> tuple[CellResult, ...]:
    """The cells of a results folder that a user means.

    Protocol, data and learning rate may stand in any order, as none has another's
    name.

    Args:
        text: ARCH, ARCH@PROTOCOL or ARCH@PROTOCOL@DATA, wildcards allowed in ARCH;
            without one, any. Of several learning rates, as ARCH@lr 0.05, ARCH@scaled
            or ARCH@tuned.
        cells: Of the folder.
        folder: For messages.

    Raises:
        UsageError: If the text is none of these, or there are no such cells.
    """
    architecture, *rest = text.split("@")
    if "" in rest or len({_kind_of(part) for part in rest}) < len(rest):
        raise UsageError(f"{text}: write ARCH@PROTOCOL@DATA")
    found = tuple(
        each
        for each in cells
        if fnmatchcase(each.cell.architecture, architecture or "*")
        and {each.cell.protocol, each.cell.data, each.cell.rate.name}.issuperset(rest)
    )
    if not found:
        there = ", ".join(cell_text(cell) for cell in cells) or "none"
        raise UsageError(f"{text}: no such cell; {folder} has {there}")
    return found


def _kind_of(part: str) -> str:
    if part in get_args(ProtocolName):
        return "protocol"
    is_rate = part in ("scaled", "tuned") or part.startswith("lr ")
    return "rate" if is_rate else "data"


def cell_text(cell: CellResult) -> str:
    """A cell as `chosen` takes it."""
    architecture, data, protocol, *rate = cell.cell.key
    return "@".join((architecture, protocol, data, *rate))
