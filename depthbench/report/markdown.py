"""The table of a study in Markdown, and how it gets into a README."""

import re
from collections.abc import Iterable, Sequence

from depthbench.report.accuracies import HEADINGS, accuracies
from depthbench.report.display import depths_display
from depthbench.report.facts import shared_seeds_notes
from depthbench.report.headline import headline
from depthbench.report.results import StudyResult
from depthbench.search import strategy_of


def depths_markdown(result: StudyResult) -> str:
    """The short table of depths, ending in a newline; numbers to the right.

    Below it is what a reader must know of its intervals.
    """
    table = depths_display(result, brief=True)
    rows = [[escaped(field.text) for field in row] for row in table.rows]
    titles = [heading.title for heading in table.headings]
    return markdown_table(titles, table.is_number, rows) + _notes(
        shared_seeds_notes(result)
    )


def study_markdown(result: StudyResult) -> str:
    """The table that answers the study.

    Accuracies for a grid with histories; a row a network where there are several
    protocols; else a row a cell.
    """
    study = result.study
    adapts = strategy_of(study.search_spec).adapts
    if not adapts and "histories" in study.pictures:
        is_number = [place > 0 for place in range(len(HEADINGS))]
        rows = [[escaped(text) for text in row] for row in accuracies(result)]
        return markdown_table(HEADINGS, is_number, rows)
    if all(len(row) == 1 for row in result.rows):
        return depths_markdown(result)
    table = headline(result, escaped)
    return markdown_table(table.headings, table.is_number, table.rows) + _notes(
        [" ".join(table.notes), *shared_seeds_notes(result)]
    )


def markdown_table(
    headings: Sequence[str], is_number: Sequence[bool], rows: Iterable[Sequence[str]]
) -> str:
    """A table whose texts are Markdown, ending in a newline; numbers to the right."""
    lines = [
        headings,
        ["---:" if number else "---" for number in is_number],
        *rows,
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


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


# An underscore within a word starts no markup.
_SPECIAL = re.compile(r"[\\|*`<\[\]]|(?<!\w)_|_(?!\w)")


def escaped(text: str) -> str:
    """Names are a user's text: none of it may end a cell or start markup."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
