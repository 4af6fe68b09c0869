"""`depthbench compare`: how much deeper one result is than another."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import depthbench
from depthbench.cli import errors
from depthbench.cli.messages import say
from depthbench.cli.options import debug_option, json_option

if TYPE_CHECKING:
    from depthbench.report.comparison import Comparison


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
    help="Also write one row per comparison to FILE.",
)
@click.option(
    "--fail-on-worse",
    is_flag=True,
    help="Exit with 1 if any B is credibly shallower than its A (the 90 % interval of "
    "the ratio lies below 1), with 5 if that is unresolved for any.",
)
@click.option(
    "--tolerance",
    type=Tolerance(),
    default=0.0,
    help="Of --fail-on-worse: the interval must lie below 1 - FRACTION. [0]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github"]),
    default="text",
    help="github: Markdown with a folded table, for a job's summary. [text]",
)
@json_option
@debug_option
def command(
    a: str,
    b: str,
    csv_path: Path | None,
    fail_on_worse: bool,
    tolerance: float,
    form: str,
    as_json: bool,
) -> int:
    """How much deeper B trains than A: the ratio of their k50, and what differs.

    k50 is the depth at which half of all trainings succeed. A and B are results
    folders, or FOLDER:ARCH, FOLDER:ARCH@PROTOCOL or FOLDER:ARCH@PROTOCOL@DATA for some
    of a folder's cells; wildcards in ARCH. Cells of the same architecture, data and
    protocol are compared, or the two, if each side has one. Reads records only.

    A comparison is unresolved if a side is missing, if data, criterion or settings of
    the training are unequal, or if a search was left open and its trials do not decide.
    """
    from depthbench.report.comparison_tables import comparison_table
    from depthbench.store import write_atomic
    from depthbench.study.gate import unresolved, worse

    comparisons = depthbench.compare(a, b)
    found = comparisons.pairs
    for line in () if fail_on_worse else comparisons.notes:
        say(f"note: {line}")
    table = comparison_table(found, tolerance)
    if csv_path is not None:
        write_atomic(csv_path, table.csv)
    shallower = worse(comparisons, tolerance)
    still_open = unresolved(comparisons, tolerance)
    if as_json:
        differences = [{"differences": _differences(each)} for each in found]
        rows = [row | more for row, more in zip(table.dicts, differences, strict=True)]
        document = {"a": a, "b": b, "comparisons": rows, "unresolved": still_open}
        click.echo(json.dumps(document, indent=2))
    elif form == "github":
        from depthbench.cli.compare_markdown import comparisons_markdown

        click.echo(comparisons_markdown(found, shallower, still_open))
    else:
        from depthbench.cli.compare_text import print_comparisons

        print_comparisons(found)
    return _verdict(shallower, still_open) if fail_on_worse else 0


def _verdict(worse: Sequence[str], unresolved: Sequence[str]) -> int:
    if worse:
        say(f"worse: {', '.join(worse)}")
    for reason in unresolved:
        say(f"unresolved: {reason}")
    return errors.WORSE if worse else errors.UNRESOLVED if unresolved else 0


def _differences(each: "Comparison") -> list[dict[str, str]]:
    return [
        {"kind": d.kind, "field": d.field, "a": d.a, "b": d.b} for d in each.differences
    ]
