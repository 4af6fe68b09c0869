"""Comparisons as Markdown for the summary of a job: one line, the rest folded."""

from collections.abc import Iterator, Sequence

from depthbench.cli.compare_text import difference_notes, finding, side_name
from depthbench.curves.words import estimate_text
from depthbench.report.comparison import Comparison
from depthbench.study.compare import ratio_text
from depthbench.text import count

_HEAD = "| B against A | k50 of A | k50 of B | B / A | trials | finding |"


def comparisons_markdown(
    found: Sequence[Comparison], worse: Sequence[str], unresolved: Sequence[str]
) -> str:
    """What a reviewer reads first, and a folded table for those who want more."""
    answer = f"{count(len(found), 'comparison')}: {len(worse)} worse, "
    answer += f"{len(unresolved)} unresolved"
    lines = [f"**depthbench** {answer}", ""]
    lines += [f"- worse: {name}" for name in worse]
    lines += [f"- unresolved: {reason}" for reason in unresolved]
    lines += ["", "<details><summary>Depths and differences</summary>", ""]
    lines += [_HEAD, "| --- | ---: | ---: | ---: | ---: | --- |"]
    lines += [_row(each) for each in found]
    lines += ["", *(f"- {_escaped(note)}" for note in difference_notes(found))]
    lines += ["", "</details>"]
    return "\n".join(_without_repeated_blanks(lines))


def _row(each: Comparison) -> str:
    cells = (
        f"{side_name(each.b)} / {side_name(each.a)}",
        estimate_text(each.k50_a) or "?",
        estimate_text(each.k50_b) or "?",
        ratio_text(each.ratio),
        f"{each.num_trials_a}, {each.num_trials_b}",
        finding(each),
    )
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text: str) -> str:
    for character in "\\|<*_`":
        text = text.replace(character, f"\\{character}")
    return text


def _without_repeated_blanks(lines: Sequence[str]) -> Iterator[str]:
    for before, line in zip(["-", *lines], lines, strict=False):
        if before or line:
            yield line
