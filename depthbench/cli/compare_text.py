"""Comparisons on a terminal: a table, and what one has to know to read it."""

import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from depthbench.curves.words import estimate_text
from depthbench.report.comparison import Comparison, Kind, Side
from depthbench.study.compare import finding as plain_finding
from depthbench.study.compare import ratio_text
from depthbench.study.gate import too_few_trials
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
    console = Console(file=sys.stdout, highlight=False, width=_WIDTH)
    console.print(_table(found))
    for line in _notes(found):
        is_loud = line.startswith(tuple(_LOUD.values()))
        console.print(
            line, markup=False, soft_wrap=True, style="bold" if is_loud else None
        )


def _table(found: Sequence[Comparison]) -> Table:
    """Two rows a comparison: A, then B with what is said of both."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for heading in ("k50", "trials", "B / A", "P(B deeper)", "pairs", "split", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for each in found:
        pairs, chance = each.pairs, each.posterior.probability_b_deeper
        table.add_row(
            f"A  {side_name(each.a)}",
            estimate_text(each.k50_a) or "?",
            f"{each.num_trials_a}",
        )
        table.add_row(
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
    return table


def finding(comparison: Comparison) -> str:
    """What the interval says of B; "unresolved" where a search was left open."""
    is_open = any(too_few_trials(comparison))
    return "unresolved" if is_open else plain_finding(comparison)


def side_name(side: Side) -> str:
    """As in: "elu (mnist, standard)"."""
    architecture, *rest = side.cell.cell.key
    return f"{architecture} ({', '.join(rest)})"


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
