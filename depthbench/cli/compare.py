"""`depthbench compare`: how much deeper one result is than another."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

import depthbench
from depthbench.cli import errors
from depthbench.cli.options import debug_option, json_option
from depthbench.cli.parameters import FRACTION
from depthbench.study.messages import say


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
    type=FRACTION,
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
    from depthbench.study.compare import unresolved, worse

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
        rows = table.dicts
        for row, each in zip(rows, found, strict=True):
            row["differences"] = [asdict(difference) for difference in each.differences]
        document = {"a": a, "b": b, "comparisons": rows, "unresolved": still_open}
        click.echo(json.dumps(document, indent=2))
    elif form == "github":
        from depthbench.cli.compare_text import comparisons_markdown

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
