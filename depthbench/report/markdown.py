"""The table of a study in Markdown, and how it gets into a README."""

import re
from collections.abc import Sequence

from depthbench.report.accuracies import HEADINGS, accuracies
from depthbench.report.display import depths_display
from depthbench.report.facts import shared_seeds_notes
from depthbench.report.results import StudyResult


def depths_markdown(result: StudyResult) -> str:
    """The short table of depths, ending in a newline; numbers to the right.

    Below it is what a reader must know of its intervals.
    """
    table = depths_display(result, brief=True)
    text = _table(
        [heading.title for heading in table.headings],
        table.is_number,
        [[field.text for field in row] for row in table.rows],
    )
    return text + "".join(f"\n*{note}*\n" for note in shared_seeds_notes(result))


def study_markdown(result: StudyResult) -> str:
    """The table that answers the study: of accuracies for a grid with histories."""
    study = result.study
    if study.search != "grid" or "histories" not in study.pictures:
        return depths_markdown(result)
    is_number = [place > 0 for place in range(len(HEADINGS))]
    return _table(HEADINGS, is_number, accuracies(result))


def _table(
    headings: Sequence[str], is_number: Sequence[bool], rows: Sequence[Sequence[str]]
) -> str:
    lines = [
        [_escaped(heading) for heading in headings],
        ["---:" if number else "---" for number in is_number],
        *([_escaped(text) for text in row] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


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


def _escaped(text: str) -> str:
    """Names are a user's text: none of it may end a cell or start markup."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
