"""The table of depths as people read it, for the page and for Markdown."""

from typing import NamedTuple

from depthbench.report.columns import Column
from depthbench.report.depth_columns import COLUMNS
from depthbench.report.depth_table import NOTHING, DepthColumn, Field, Row
from depthbench.report.results import StudyResult
from depthbench.report.ties import Ties, ties

__all__ = ["NOTHING", "DisplayTable", "Field", "depth_rows", "depths_display"]


class DisplayTable(NamedTuple):
    """Headings and rows of equal length."""

    headings: tuple[DepthColumn, ...]
    rows: tuple[tuple[Field, ...], ...]

    @property
    def is_number(self) -> tuple[bool, ...]:
        """For each column, whether it has a number, or the place of one, in any row."""
        return tuple(
            any(
                row[place].sort is not None or row[place].text == NOTHING
                for row in self.rows
            )
            for place in range(len(self.headings))
        )


def depth_rows(result: StudyResult) -> list[Row]:
    """One for each cell, in the study's order."""
    found = ties(result.cells)
    none = Ties((), "")
    return [Row(cell, found.get(cell.cell.key, none)) for cell in result.cells]


def depth_columns(*, has_rates: bool) -> tuple[Column, ...]:
    """Of depths.csv; the rate only in a study of several."""
    return tuple(c.column for c in COLUMNS if has_rates or c.name != "rate")


def depths_display(result: StudyResult, *, brief: bool = False) -> DisplayTable:
    """One row a cell; columns that say the same in every row are left out."""
    rows = depth_rows(result)
    columns = tuple(
        column
        for column in COLUMNS
        if column.title and (column.is_brief or not brief) and _is_telling(column, rows)
    )
    return DisplayTable(
        columns, tuple(tuple(column.field(row) for column in columns) for row in rows)
    )


def _is_telling(column: DepthColumn, rows: list[Row]) -> bool:
    texts = {column.field(row).text for row in rows}
    if column.title in ("data", "protocol"):
        return len(texts) > 1
    return not column.is_optional or not texts <= {NOTHING, "0"}
