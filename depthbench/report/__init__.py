"""From records to CSV files, figures and one HTML page; reads records only.

Light to import: pandas, matplotlib and jinja2 load when a report is written.
"""

from pathlib import Path
from typing import NamedTuple

from depthbench.report.collect import study_result
from depthbench.report.markdown import refresh_between_markers, study_markdown
from depthbench.report.results import StudyResult
from depthbench.spec import read_resolved
from depthbench.store import read_records, write_atomic

__all__ = [
    "ReportPaths",
    "StudyResult",
    "read_result",
    "refresh_between_markers",
    "study_markdown",
    "study_result",
    "write_report",
]


class ReportPaths(NamedTuple):
    """The files of a report."""

    page: Path
    tables: dict[str, Path]
    figures: tuple[Path, ...]


def read_result(folder: Path) -> StudyResult:
    """What the records in a results folder say, as far as they go.

    Raises:
        ValueError: If `study.toml` is no resolved study.
        OSError: If it cannot be read.
        depthbench.store.StoreError: If the records cannot be read.
        depthbench.record.NewerSchemaError: If a newer depthbench wrote them.
    """
    stored = read_records(folder)
    study, cells = read_resolved(folder / "study.toml")
    return study_result(
        study, cells, stored.records.values(), num_damaged=stored.num_damaged
    )


def write_report(
    folder: Path, result: StudyResult | None = None, *, has_pdf: bool = False
) -> ReportPaths:
    """Derive every report file in a results folder from its study and its records.

    Each file is replaced as a whole, the page last, and the same records give the
    same bytes. Works at any time, also on a study that is unfinished or running.

    Args:
        folder: With `study.toml` and `trials.jsonl`.
        result: What they say, if it is known already.
        has_pdf: Whether figures are written as PDF, too.

    Raises:
        OSError: If a file cannot be written.
        Exception: What `read_result`, which is called without a result, raises.
    """
    from depthbench.report.figures import figures_of, render
    from depthbench.report.figures.style import FileKind
    from depthbench.report.page import report_page
    from depthbench.report.tables import tables_of

    result = result or read_result(folder)
    drawings = figures_of(result)
    tables = tables_of(result)
    drawn = folder / "figures"
    drawn.mkdir(exist_ok=True)
    for name, table in tables.items():
        write_atomic(folder / f"{name}.csv", table.csv)
    kinds: tuple[FileKind, ...] = ("svg", "png", "pdf") if has_pdf else ("svg", "png")
    svgs: dict[str, bytes] = {}
    for name, draw in drawings.items():
        figure = draw(result)
        files = {kind: render(figure, kind) for kind in kinds}
        for kind, content in files.items():
            write_atomic(drawn / f"{name}.{kind}", content)
        svgs[name] = files["svg"]
    write_atomic(folder / "report.html", report_page(result, svgs, tables))
    return ReportPaths(
        page=folder / "report.html",
        tables={name: folder / f"{name}.csv" for name in tables},
        figures=tuple(drawn / f"{n}.{kind}" for n in drawings for kind in kinds),
    )
