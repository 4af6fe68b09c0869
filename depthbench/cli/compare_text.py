"""Comparisons for people: a table, and what one has to know to read it."""

from collections.abc import Iterator, Sequence

import click

from depthbench.cli.tables import plain_table, print_table
from depthbench.curves.words import estimate_text
from depthbench.report.comparison import Comparison, Kind, Side
from depthbench.report.table import Column, Table, escaped, shown
from depthbench.study.compare import finding as plain_finding
from depthbench.study.compare import ratio_text, too_few_trials
from depthbench.text import count

_WIDTH = 160  # more than a line of the table needs; a narrower one would be cut

_LOUD: dict[Kind, str] = {
    "data": "NOT THE SAME DATA",
    "criterion": 'NOT THE SAME "TRAINS"',
}
_QUIET: dict[Kind, str] = {
    "training": "training",
    "search": "search",
    "environment": "machine",
}


def print_comparisons(found: Sequence[Comparison]) -> None:
    """On standard output."""
    headings = ("k50", "trials", "B / A", "P(B deeper)", "pairs", "split", "p")
    table = plain_table([""], headings)
    table.add_column("", no_wrap=True)
    for each in found:
        table.add_row(*_row_of_a(each))
        table.add_row(*_row_of_b(each))
    print_table(table, width=_WIDTH)
    for line in _notes(found):
        click.secho(line, bold=line.startswith(tuple(_LOUD.values())))


def _row_of_a(each: Comparison) -> tuple[str, ...]:
    k50 = estimate_text(each.k50_a) or "?"
    return f"A  {side_name(each.a)}", k50, f"{each.num_trials_a}"


def _row_of_b(each: Comparison) -> tuple[str, ...]:
    """With what is said of both."""
    pairs, chance = each.pairs, each.posterior.probability_b_deeper
    return (
        f"B  {side_name(each.b)}",
        estimate_text(each.k50_b) or "?",
        f"{each.num_trials_b}",
        ratio_text(each.ratio),
        "?" if chance is None else _chance_text(chance),
        f"{pairs.total}",
        f"{pairs.only_a} A, {pairs.only_b} B",
        "" if pairs.p_value is None else f"{pairs.p_value:.2g}",
        finding(each),
    )


def comparisons_markdown(
    found: Sequence[Comparison], worse: Sequence[str], unresolved: Sequence[str]
) -> str:
    """For the summary of a job: what a reviewer reads first, and a folded table."""
    answer = f"{count(len(found), 'comparison')}: {len(worse)} worse, "
    answer += f"{len(unresolved)} unresolved"
    reasons = [f"- worse: {name}" for name in worse]
    reasons += [f"- unresolved: {reason}" for reason in unresolved]
    sections = (
        f"**depthbench** {answer}",
        "\n".join(reasons),
        "<details><summary>Depths and differences</summary>",
        Table(_COLUMNS, found).markdown().rstrip(),
        "\n".join(f"- {escaped(note)}" for note in difference_notes(found)),
        "</details>",
    )
    return "\n\n".join(filter(None, sections))


def finding(comparison: Comparison) -> str:
    """What the interval says of B; "unresolved" where a search was left open."""
    is_open = any(too_few_trials(comparison))
    return "unresolved" if is_open else plain_finding(comparison)


def side_name(side: Side) -> str:
    """As in: "elu (mnist, standard)"."""
    architecture, *rest = side.cell.cell.key
    return f"{architecture} ({', '.join(rest)})"


_COLUMNS: tuple[Column[Comparison], ...] = (
    shown(
        "B against A", "text", lambda each: f"{side_name(each.b)} / {side_name(each.a)}"
    ),
    shown("k50 of A", "layers", lambda each: estimate_text(each.k50_a) or "?"),
    shown("k50 of B", "layers", lambda each: estimate_text(each.k50_b) or "?"),
    shown("B / A", "", lambda each: ratio_text(each.ratio)),
    shown("trials", "count", lambda each: f"{each.num_trials_a}, {each.num_trials_b}"),
    shown("finding", "text", finding),
)


def _chance_text(chance: float) -> str:
    if 0 < chance < 1e-3 or 1 - 1e-3 < chance < 1:
        return "< 0.001" if chance < 0.5 else "> 0.999"
    return f"{chance:.3f}"


def difference_notes(found: Sequence[Comparison]) -> Iterator[str]:
    """What differs, loudest first."""
    for kind in (*_LOUD, *_QUIET):
        yield from _difference_notes(found, kind)
    if not any(each.differences for each in found):
        yield "nothing differs in what was asked, nor in the machines"


def _notes(found: Sequence[Comparison]) -> Iterator[str]:
    """What differs; then how to read it."""
    yield from difference_notes(found)
    for each in found:
        for reason in too_few_trials(each):
            yield f"unresolved, {side_name(each.b)}: {reason}"
    names = [[side.cell.cell.architecture for side in (c.a, c.b)] for c in found]
    if any(a != b for a, b in names):
        yield "k is what each architecture counts as its depth"
    if any(each.num_shared for each in found):
        yield "the same training on both sides: " + ", ".join(
            f"{count(each.num_shared, 'trial')} of {side_name(each.b)}"
            for each in found
            if each.num_shared
        )
    yield (
        "k50: depth where half of all trainings succeed; in brackets 90 % intervals. "
        "Pairs have one depth and seed; split: only one side's trained; p: how often "
        "chance alone splits them as unevenly (two-sided, exact McNemar test)."
    )


def _difference_notes(found: Sequence[Comparison], kind: Kind) -> Iterator[str]:
    """One line for all comparisons where it is the same, else one each."""
    words = (_LOUD | _QUIET)[kind]
    lines = [_differing(each, kind) for each in found]
    if len(set(lines)) == 1:
        if lines[0]:
            yield f"{words}: {lines[0]}"
        return
    for each, line in zip(found, lines, strict=True):
        if line:
            yield f"{words}, {side_name(each.b)}: {line}"


def _differing(each: Comparison, kind: Kind) -> str:
    """Differences of one kind: "lr: 0.05 | 0.1; init: none | fan_in", A before B."""
    return "; ".join(
        f"{d.field}: {d.a} | {d.b}" for d in each.differences if d.kind == kind
    )
