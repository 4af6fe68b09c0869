"""How the table of depths is made: its rows, its columns, and what people see of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from depthbench.curves import Estimate
from depthbench.report.columns import Column, Kind
from depthbench.report.results import CellResult
from depthbench.report.ties import Ties

NOTHING = "—"  # where a number does not exist
_NO_ESTIMATE = Estimate(None, None, None)


class Field(NamedTuple):
    """A table cell: its text, and the number that sorts it."""

    text: str
    sort: float | None = None


class Row(NamedTuple):
    """A cell of the study, and what it cannot be told apart from."""

    cell: CellResult
    ties: Ties

    @property
    def k50(self) -> Estimate:
        """Without any number where there is no fit."""
        return self.cell.fit.k50 if self.cell.fit else _NO_ESTIMATE

    @property
    def k90(self) -> Estimate:
        """As `k50`."""
        return self.cell.fit.k90 if self.cell.fit else _NO_ESTIMATE


@dataclass(frozen=True, slots=True)
class DepthColumn:
    """A number or text of each row.

    Attributes:
        name: In files; empty for one that is only shown.
        kind: Of the values in files.
        meaning: For readers.
        reader: From a row to its value.
        title: Where people read it; empty for one that is in files alone.
        is_brief: Whether a short table has it, too.
        show: From a row to what people see; else that follows from the value.
        is_optional: Whether it is left out where no row has anything to say.
    """

    name: str
    kind: Kind
    meaning: str
    reader: Callable[[Row], Any]
    title: str = ""
    is_brief: bool = True
    show: Callable[[Row], Field] | None = None
    is_optional: bool = False

    @property
    def column(self) -> Column:
        """As the data dictionary of the files has it."""
        return Column(self.name, self.kind, self.meaning)

    def field(self, row: Row) -> Field:
        """What people see."""
        if self.show is not None:
            return self.show(row)
        value = self.reader(row)
        if value is None or value == "":
            return Field(NOTHING if self.kind != "text" or self.is_optional else "")
        if self.kind == "text":
            return Field(str(value))
        return Field(f"{value:g}" if self.kind == "number" else str(value), value)
