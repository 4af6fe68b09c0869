"""Tables: each column is written down once, and every form is made of it.

The forms are CSV, data frames, JSON, Markdown, the page and its data dictionary.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from depthbench.text import duration, percent

if TYPE_CHECKING:
    import pandas as pd
    from _typeshed import DataclassInstance

Unit = Literal[
    "text", "flag", "count", "k", "bytes", "layers", "seconds", "fraction", "nats", ""
]
"""`k` is a depth that there is, `layers` any depth, "" a number without a unit."""

LeftOut = Literal["never", "empty", "same"]

# Nullable types, so that a gap does not turn a depth of 63 into 63.0.
_DTYPES: dict[Unit, str] = {
    "text": "string",
    "flag": "boolean",
    "count": "Int64",
    "k": "Int64",
    "bytes": "Int64",
}

NOTHING = "—"  # where a number does not exist

# An underscore within a word starts no markup.
_SPECIAL = re.compile(r"[\\|*`<\[\]]|(?<!\w)_|_(?!\w)")

R = TypeVar("R")


class Field(NamedTuple):
    """What people see of a value, and the number that sorts it."""

    text: str
    sort: float | None = None


@dataclass(frozen=True)
class Column(Generic[R]):
    """A value of each row.

    Attributes:
        name: In files; empty for a column that is only shown.
        unit: Of the values in files.
        meaning: For readers.
        read: From a row to its value, or the path of an attribute, which may end early
            in a None; by default `name`.
        title: Where people read it; empty for a column that is in files alone.
        show: From a row to what people see; else that follows from the value.
        is_brief: Whether a short table has it, too.
        left_out: Where people read it: if no row has anything to say, or if all rows
            say the same.
        digits: To round to after the point: a processor's own last ones are noise.
    """

    name: str
    unit: Unit
    meaning: str = ""
    read: Callable[[R], Any] | str = ""
    title: str = ""
    show: Callable[[R], Field | str] | None = None
    is_brief: bool = True
    left_out: LeftOut = "never"
    digits: int | None = None

    @property
    def dtype(self) -> str:
        """The pandas type of its values."""
        return _DTYPES.get(self.unit, "float64")

    def value(self, row: R) -> Any:
        """In files; None where there is none."""
        read = self.read
        value = read(row) if callable(read) else follow(row, read or self.name)
        return (
            value if self.digits is None or value is None else round(value, self.digits)
        )

    def field(self, row: R) -> Field:
        """What people see."""
        if self.show is not None:
            shown = self.show(row)
            return Field(shown) if isinstance(shown, str) else shown
        value = self.value(row)
        if value is None or value == "":
            is_number = self.unit != "text" or self.left_out == "empty"
            return Field(NOTHING if is_number else "")
        match self.unit:
            case "text":
                return Field(str(value))
            case "fraction":
                return Field(percent(value), value)
            case "seconds":
                return Field(duration(value), value)
        return Field(f"{value:g}" if self.dtype == "float64" else str(value), value)


class Display(NamedTuple):
    """A table as people read it: headings and rows of equal length."""

    headings: tuple[Column[Any], ...]
    rows: tuple[tuple[Field, ...], ...]

    @property
    def is_number(self) -> tuple[bool, ...]:
        """For each column, whether it has a number, or would have one."""
        return tuple(
            column.unit not in ("text", "flag")
            or any(row[at].sort is not None for row in self.rows)
            for at, column in enumerate(self.headings)
        )

    def markdown(self, *, is_escaped: bool = False) -> str:
        """A table that ends in a newline, with numbers to the right.

        Args:
            is_escaped: Whether the texts are Markdown already.
        """
        lines = [
            [heading.title for heading in self.headings],
            ["---:" if number else "---" for number in self.is_number],
            *(
                [field.text if is_escaped else escaped(field.text) for field in row]
                for row in self.rows
            ),
        ]
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@dataclass(frozen=True)
class Table(Generic[R]):
    """Rows of one kind, and the columns to read from them."""

    columns: tuple[Column[R], ...]
    rows: Sequence[R]

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """The columns of files; errors are fractions, times seconds."""
        import pandas as pd

        return pd.DataFrame(
            {
                column.name: pd.Series(
                    [column.value(row) for row in self.rows], dtype=column.dtype
                )
                for column in self.columns
                if column.name
            }
        )

    @property
    def csv(self) -> str:
        """The text of a CSV file, with Unix line ends on every system."""
        return str(self.frame.to_csv(index=False, lineterminator="\n"))

    @property
    def dicts(self) -> list[dict[str, Any]]:
        """The values of each row by the names of columns, for JSON."""
        named = [column for column in self.columns if column.name]
        return [{each.name: each.value(row) for each in named} for row in self.rows]

    def display(self, *, brief: bool = False) -> Display:
        """What people read, without columns that say nothing here."""
        kept = [
            (column, found)
            for column in self.columns
            if column.title and (column.is_brief or not brief)
            if _is_telling(column, found := [column.field(row) for row in self.rows])
        ]
        return Display(
            tuple(column for column, _ in kept),
            tuple(
                tuple(found[at] for _, found in kept) for at in range(len(self.rows))
            ),
        )

    def markdown(self, *, brief: bool = False) -> str:
        """The table that people read, in Markdown."""
        return self.display(brief=brief).markdown()


def follow(row: Any, path: str) -> Any:
    """The attribute at a path; None where an attribute on the way is."""
    for name in path.split("."):
        row = None if row is None else getattr(row, name)
    return row


def shown(title: str, unit: Unit, show: Callable[[R], Field | str]) -> Column[R]:
    """A column that is no part of files."""
    return Column("", unit, title=title, show=show)


def table_of_fields(
    kind: "type[DataclassInstance]",
    rows: Sequence[Any],
    shown: tuple[Column[Any], ...] = (),
) -> Table[Any]:
    """A table whose files have a column for each field of a dataclass.

    Args:
        kind: Of the rows.
        rows: To tabulate.
        shown: The columns that people read.
    """
    units: dict[Any, Unit] = {int: "count", bool: "flag", float: "", float | None: ""}
    columns = [Column[Any](f.name, units.get(f.type, "text")) for f in fields(kind)]
    return Table((*columns, *shown), rows)


def _is_telling(column: Column[Any], found: list[Field]) -> bool:
    texts = {field.text for field in found}
    match column.left_out:
        case "same":
            return len(texts) > 1
        case "empty":
            return not texts <= {NOTHING, "0"}
    return True


def escaped(text: str) -> str:
    """Names are a user's text: none of it may end a cell or start markup."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
