"""Every cell of every study under a folder, in one page."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from depthbench.report.depth_columns import DEPTH_COLUMNS
from depthbench.report.results import StudyResult
from depthbench.report.table import Column, Table
from depthbench.report.ties import DepthRow, depth_rows


class IndexRow(NamedTuple):
    """A cell, and the folder that its study is in."""

    folder: str
    row: DepthRow


def study_folders(root: Path) -> list[Path]:
    """The results folders in a folder, by name: those that hold a study and trials."""
    files = ("study.toml", "trials.jsonl")
    return sorted(
        folder
        for folder in root.iterdir()
        if all((folder / name).is_file() for name in files)
    )


def index_table(results: Mapping[str, StudyResult]) -> Table[IndexRow]:
    """One row per cell, as in the table of depths, with its folder in front.

    Args:
        results: By folder.
    """
    rows = [
        IndexRow(folder, row)
        for folder, result in results.items()
        for row in depth_rows(result)
    ]
    study = Column[IndexRow]("study", "text", "its folder", "folder", "study")
    return Table((study, *map(_of_row, DEPTH_COLUMNS)), rows)


def _of_row(column: Column[Any]) -> Column[Any]:
    return replace(
        column,
        read=lambda each: column.value(each.row),
        show=lambda each: column.field(each.row),
    )


def write_index(root: Path) -> Path:
    """Write `index.html`, which sorts and filters, from the records under a folder.

    Equal records give equal text. A folder that cannot be read is an error: a table
    that lacks it in silence would say less than it seems to.

    Raises:
        ValueError: If there is no results folder, or one has no resolved study.
        Exception: What `read_result` raises.
    """
    from depthbench.report import read_result
    from depthbench.report.page import page_of
    from depthbench.store import write_atomic

    folders = study_folders(root)
    if not folders:
        raise ValueError(
            f"{root} is no results folder: it has no study.toml, nor has a folder in it"
        )
    table = index_table({folder.name: read_result(folder) for folder in folders})
    page = page_of(
        "index.html.j2",
        table=table.display(),
        statuses=[str(each.row.cell.status) for each in table.rows],
        num_studies=len(folders),
    )
    write_atomic(root / "index.html", page)
    return root / "index.html"
