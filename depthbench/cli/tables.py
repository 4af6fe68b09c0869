"""Tables on standard output and in files."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depthbench.study.messages import say

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def publish(path: Path, table: "pd.DataFrame", text: str, *, as_json: bool) -> None:
    """Write a CSV file; print its rows as JSON, or the text.

    Raises:
        StoreError: If it cannot be written.
    """
    from depthbench.calibration.frames import as_csv, as_records
    from depthbench.store import write_atomic
    from depthbench.store.files import make_folder

    make_folder(path.parent)
    write_atomic(path, as_csv(table))
    click.echo(json.dumps(as_records(table), indent=1) if as_json else text.rstrip())
    say(f"files: {path}")


def plain_table(
    left: Iterable[str], right: Iterable[str], *, title: str | None = None
) -> "Table":
    """A table without rules; the columns on the left are texts, the others numbers."""
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
    )
    for heading in left:
        table.add_column(heading, no_wrap=True)
    for heading in right:
        table.add_column(heading, justify="right")
    return table


def print_table(table: "Table", *, width: int) -> None:
    """Print it, whatever the width of the terminal: a narrower one would cut it."""
    from rich.console import Console

    Console(file=sys.stdout, highlight=False, width=width).print(table)
