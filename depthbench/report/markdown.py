"""The table of a study in Markdown, and how it gets into a README."""

from collections.abc import Iterable

from depthbench.report.accuracies import accuracies_table
from depthbench.report.depth_columns import depths_table
from depthbench.report.facts import shared_seeds_notes
from depthbench.report.headline import headline
from depthbench.report.results import StudyResult
from depthbench.search import strategy_of


def study_markdown(result: StudyResult) -> str:
    """The table that answers the study, and what a reader must know of its intervals.

    Accuracies for a grid with histories; a row per network where there are several
    protocols; else a row per cell.
    """
    study = result.study
    notes = shared_seeds_notes(result)
    adapts = strategy_of(study.search_spec).adapts
    if not adapts and "histories" in study.pictures:
        return accuracies_table(result).markdown()
    if all(len(row) == 1 for row in result.rows):
        return depths_table(result).markdown(brief=True) + _notes(notes)
    table, remarks = headline(result)
    return table.display().markdown(is_escaped=True) + _notes(
        [" ".join(remarks), *notes]
    )


def _notes(notes: Iterable[str]) -> str:
    return "".join(f"\n*{note}*\n" for note in notes)


def refresh_between_markers(text: str, name: str, table: str) -> str:
    """`text` with `table` between its two marker lines, which stay.

    Raises:
        ValueError: If `text` lacks one of `<!-- depthbench:NAME:start -->` and
            `<!-- depthbench:NAME:end -->`, has one twice, or has them in the wrong
            order.
    """
    start = f"<!-- depthbench:{name}:start -->"
    end = f"<!-- depthbench:{name}:end -->"
    for marker in (start, end):
        if text.count(marker) != 1:
            raise ValueError(
                f"the marker {marker} must be there once, and is there "
                f"{text.count(marker)} times"
            )
    before, rest = text.split(start)
    if end not in rest:
        raise ValueError(f"the marker {end} must come after {start}")
    after = rest.split(end)[1]
    return f"{before}{start}\n\n{table.strip()}\n\n{end}{after}"
