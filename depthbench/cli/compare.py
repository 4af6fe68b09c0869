"""`depthbench compare`: how much deeper one result is than another."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from depthbench.cli.messages import say
from depthbench.cli.options import debug_option, json_option

if TYPE_CHECKING:
    from depthbench.report.comparison import Comparison, Side


class Tolerance(click.ParamType[float]):
    """A fraction of depth that may be lost."""

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
    from depthbench.report.comparison_tables import comparison_csv, comparison_row
    from depthbench.store import write_atomic

    found, left_out = _compared(a, b)
    for line in left_out:
        say(f"note: {line}")
    if csv_path is not None:
        write_atomic(csv_path, comparison_csv(found, tolerance))
    if as_json:
        rows = [
            comparison_row(each, tolerance)
            | {
                "differences": [
                    {"kind": d.kind, "field": d.field, "a": d.a, "b": d.b}
                    for d in each.differences
                ]
            }
            for each in found
        ]
        click.echo(json.dumps({"a": a, "b": b, "comparisons": rows}, indent=2))
    else:
        print_comparisons(found)
    worse = [each for each in found if each.is_worse(tolerance)]
    if fail_on_worse and worse:
        names = ", ".join(each.b.cell.cell.architecture for each in worse)
        say(f"worse: {names}")
        raise click.exceptions.Exit(1)


def _compared(a: str, b: str) -> tuple[list["Comparison"], list[str]]:
    """The comparisons, and what could not be compared."""
    from depthbench.cli.chosen_cells import chosen, matched, parse_choice
    from depthbench.report import read_result
    from depthbench.report.comparison import compare

    choices = [parse_choice(text) for text in (a, b)]
    try:
        studies = [read_result(choice.folder) for choice in choices]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    sides = [chosen(*each) for each in zip(choices, studies, strict=True)]
    pairs = matched(*sides)
    comparisons = [compare(*pair) for pair in pairs]
    found = [each for each in comparisons if each is not None]
    if not found:
        raise click.UsageError(
            f"nothing to compare: {_name(pairs[0][0])} or {_name(pairs[0][1])} has no "
            "measured trial yet, which `depthbench run` adds, or is a grid of one "
            "depth, which has no k50"
        )
    used = {id(side) for pair in pairs for side in pair}
    alone = [
        f"{_name(side)} of {text} has no counterpart on the other side"
        for mine, text in zip(sides, (a, b), strict=True)
        for side in mine
        if id(side) not in used
    ]
    empty = [
        f"{_name(pair[0])} has no k50 on both sides"
        for pair, each in zip(pairs, comparisons, strict=True)
        if each is None
    ]
    return found, alone + empty


def _name(side: "Side") -> str:
    from depthbench.cli.chosen_cells import cell_text

    return cell_text(side.cell)
