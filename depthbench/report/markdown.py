"""The table of depths in Markdown, and how it gets into a README."""

import re

from depthbench.report.display import depths_display
from depthbench.report.results import StudyResult


def depths_markdown(result: StudyResult) -> str:
    """The short table of depths, ending in a newline; numbers to the right."""
    table = depths_display(result, brief=True)
    lines = [
        [_escaped(heading.title) for heading in table.headings],
        ["---:" if number else "---" for number in table.is_number],
        *([_escaped(field.text) for field in row] for row in table.rows),
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
