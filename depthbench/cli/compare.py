"""`depthbench compare`: how much deeper one result is than another."""

import json
import math
from pathlib import Path
from typing import Any

import click

import depthbench
from depthbench.cli.messages import say
from depthbench.cli.options import debug_option, json_option


class Tolerance(click.ParamType[float]):
    """A fraction of depth that B may fall short of A."""

    name = "FRACTION"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The fraction."""
        try:
            fraction = float(value)
        except ValueError:
            fraction = math.nan
        if not 0 <= fraction < 1:
            self.fail(f"{value!r}: a fraction from 0 to below 1", param, ctx)
        return fraction


@click.command("compare")
@click.argument("a")
@click.argument("b")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Also write one row a comparison to FILE.",
)
@click.option(
    "--fail-on-worse",
    is_flag=True,
    help="Exit with 1 if any B is credibly shallower than its A: if the 90 % interval "
    "of the ratio lies below 1.",
)
@click.option(
    "--tolerance",
    type=Tolerance(),
    default=0.0,
    help="Of --fail-on-worse: the interval must lie below 1 - FRACTION. [0]",
)
@json_option
@debug_option
def command(
    a: str,
    b: str,
    csv_path: Path | None,
    fail_on_worse: bool,
    tolerance: float,
    as_json: bool,
) -> None:
    """How much deeper B trains than A: the ratio of their k50, and what differs.

    k50 is the depth at which half of all trainings succeed. A and B are results
    folders, or FOLDER:ARCH, FOLDER:ARCH@PROTOCOL or FOLDER:ARCH@PROTOCOL@DATA for some
    of a folder's cells; wildcards in ARCH. Cells of the same architecture, data and
    protocol are compared, or the two, if each side has one. Reads records only.
    """
    from depthbench.cli.compare_text import print_comparisons
    from depthbench.report.comparison_tables import comparison_table
    from depthbench.store import write_atomic

    comparisons = depthbench.compare(a, b)
    found = comparisons.pairs
    for line in comparisons.notes:
        say(f"note: {line}")
    table = comparison_table(found, tolerance)
    if csv_path is not None:
        write_atomic(csv_path, table.csv)
    if as_json:
        rows = [
            row
            | {
                "differences": [
                    {"kind": d.kind, "field": d.field, "a": d.a, "b": d.b}
                    for d in each.differences
                ]
            }
            for row, each in zip(table.dicts, found, strict=True)
        ]
        click.echo(json.dumps({"a": a, "b": b, "comparisons": rows}, indent=2))
    else:
        print_comparisons(found)
    worse = [each for each in found if each.is_worse(tolerance)]
    if fail_on_worse and worse:
        names = ", ".join(each.b.cell.cell.architecture for each in worse)
        say(f"worse: {names}")
        raise click.exceptions.Exit(1)
