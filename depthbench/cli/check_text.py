"""Results of checks as they come: lines that grow, in colour on a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import astuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

from depthbench.architectures.definition import Architecture
from depthbench.checks.result import CheckResult, Verdict
from depthbench.cli.tables import plain_table
from depthbench.text import count

_STYLES: Mapping[Verdict, str] = {
    "passed": "green",
    "failed": "bold red",
    "warning": "yellow",
    "intended": "cyan",
    "skipped": "dim",
}


def print_head(
    console: Console,
    item: Architecture,
    depths: Sequence[int],
    data: str,
    *,
    is_ranged: bool,
) -> None:
    """The head of one architecture: which depths are looked at, and why those."""
    start, step = item.grid.start, item.grid.step
    shown = ", ".join(map(str, depths))
    grid = f"of {start}, {start + step}, ..."
    why = f"; the grid has no end, --depths {start}:HIGH goes deeper"
    _print(
        console,
        f"{item.name} ({item.summary}) on {data}, k = {shown} {grid}"
        f"{'' if is_ranged else why}",
    )


def print_results(
    console: Console, results: Iterable[CheckResult]
) -> list[CheckResult]:
    """Print each as it comes: a line, or on a terminal a row of a table.

    Returns all of them.
    """
    found = []
    table = plain_table([], [])
    table.show_header = False
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    is_live = console.is_terminal and not console.quiet
    live = Live(table, console=console, auto_refresh=False) if is_live else None
    with live or nullcontext():
        for result in results:
            found.append(result)
            check, depth, verdict, figures = astuple(result)
            if live is None:
                _print(console, f"k={depth:<4} {check:16}  {verdict:8}  {figures}")
                continue
            # Text, because a message of a user's code may look like markup.
            row = (f"{depth}", check, verdict, Text(figures))
            table.add_row(*row, style=_STYLES[verdict])
            live.refresh()
    return found


def print_counts(console: Console, found: Mapping[str, Sequence[CheckResult]]) -> None:
    """One line per architecture: how many of its checks ended how."""
    for name, results in found.items():
        verdicts = [result.verdict for result in results]
        counts = {each: verdicts.count(each) for each in _STYLES}
        failed = dict.fromkeys(r.check for r in results if r.has_failed)
        words = f"NOT sound ({', '.join(failed)})" if failed else "sound"
        rest = ", ".join(f"{n} {each}" for each, n in counts.items() if n)
        _print(console, f"{name}: {words}; {count(len(results), 'check')}: {rest}")


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
