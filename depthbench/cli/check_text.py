"""Results of checks as they come: lines that grow, in colour on a terminal."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from depthbench.architectures.definition import Architecture
from depthbench.checks.result import CheckResult, Verdict
from depthbench.text import count

_STYLES: Mapping[Verdict, str] = {
    "passed": "green",
    "failed": "bold red",
    "warning": "yellow",
    "intended": "cyan",
    "skipped": "dim",
}


class Lines:
    """Heads and results on standard output; a table each on a terminal.

    Args:
        console: Of standard output.
        is_silent: Show nothing.
    """

    def __init__(self, console: Console, *, is_silent: bool) -> None:
        self._console = console
        self._is_silent = is_silent
        self._live: Live | None = None
        self._table = Table()

    def begin(
        self, item: Architecture, depths: Sequence[int], data: str, *, is_ranged: bool
    ) -> None:
        """The head of one architecture: which depths are looked at, and why those."""
        if self._is_silent:
            return
        self.end()
        start, step = item.grid.start, item.grid.step
        shown = ", ".join(map(str, depths))
        grid = f"of {start}, {start + step}, ..."
        why = f"; the grid has no end, --depths {start}:HIGH goes deeper"
        self._print(
            f"{item.name} ({item.summary}) on {data}, k = {shown} {grid}"
            f"{'' if is_ranged else why}"
        )
        if self._console.is_terminal:
            self._table = _table()
            self._live = Live(self._table, console=self._console, auto_refresh=False)
            self._live.start()

    def add(self, result: CheckResult) -> None:
        """One line."""
        if self._is_silent:
            return
        if self._live is None:
            self._print(
                f"k={result.depth:<4} {result.check:16}  {result.verdict:8}  "
                f"{result.figures}"
            )
            return
        style = _STYLES[result.verdict]
        # Text, because a message of a user's code may look like markup.
        figures = Text(result.figures)
        self._table.add_row(
            f"{result.depth}", result.check, result.verdict, figures, style=style
        )
        self._live.refresh()

    def end(self) -> None:
        """No more lines of this architecture."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def conclude(self, found: Mapping[str, Sequence[CheckResult]]) -> None:
        """One line per architecture: how many of its checks ended how."""
        for name, results in found.items():
            verdicts = [result.verdict for result in results]
            counts = {each: verdicts.count(each) for each in _STYLES}
            is_sound = not counts["failed"]
            failed = dict.fromkeys(r.check for r in results if r.has_failed)
            words = "sound" if is_sound else f"NOT sound ({', '.join(failed)})"
            rest = ", ".join(f"{n} {each}" for each, n in counts.items() if n)
            self._print(f"{name}: {words}; {count(len(results), 'check')}: {rest}")

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def open_lines(is_silent: bool) -> Iterator[Lines]:
    """Lines on standard output, or nothing; the terminal is left as it was."""
    lines = Lines(Console(file=sys.stdout), is_silent=is_silent)
    try:
        yield lines
    finally:
        lines.end()


def _table() -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column("k", justify="right", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("figures")
    return table
