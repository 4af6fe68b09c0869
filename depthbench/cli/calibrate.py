"""`depthbench calibrate`: searches simulated on truths whose answer is known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depthbench.cli.errors import stopping_with, usage_errors
from depthbench.cli.options import debug_option, json_option
from depthbench.cli.parameters import FolderPath
from depthbench.cli.tables import plain_table, print_table, publish
from depthbench.study.messages import say

if TYPE_CHECKING:
    from depthbench.calibration.curves import RecordedCurve
    from depthbench.calibration.document import Calibration
    from depthbench.calibration.plan import CalibrationPlan

_WIDTH = 140  # what a line of the table needs; a narrower one would be cut


@click.command("calibrate")
@click.option("--quick", is_flag=True, help="Fewer truths; some seconds.")
@click.option(
    "--searches",
    type=click.IntRange(min=1),
    help="Searches on each truth, by each method. [20]",
)
@click.option(
    "--recorded",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Results folder whose trials are truths, too. Repeatable.",
)
@click.option(
    "--seeds-of",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A trials.jsonl. Simulate nothing, but estimate how much of the luck of these "
    "trials a seed carries from depth to depth, into seed_share.csv. Repeatable.",
)
@click.option(
    "--start",
    is_flag=True,
    help="Simulate only posterior searches that begin at forecasts, right and wrong "
    "ones, into forecast_start.csv.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="[0]")
@click.option(
    "--out",
    type=FolderPath(),
    help="Folder of calibration.csv, .png and .svg. "
    "[results/calibration; results/calibration-quick with --quick]",
)
@json_option
@debug_option
def command(  # noqa: PLR0913 - each is a flag
    quick: bool,
    searches: int | None,
    recorded: tuple[Path, ...],
    seeds_of: tuple[Path, ...],
    start: bool,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Check the searches against truths whose k50 is known; nothing is trained.

    Synthetic curves of many depths, widths and lapse rates, some with a bump that no
    falling curve can follow, are searched by `posterior` and by `bisect`. Printed are
    the bias and error of k50, how often a 90 % interval holds the true one, and the
    cost. The same options give the same numbers.
    """
    from depthbench.calibration.plan import FULL, QUICK

    plan = replace(QUICK if quick else FULL, seed=seed)
    plan = replace(plan, num_searches=searches or plan.num_searches)
    out = out or Path("results/calibration-quick" if quick else "results/calibration")
    if seeds_of:
        _share_of_seeds(seeds_of, out, as_json=as_json)
    elif start:
        _starts(_recorded(recorded), searches or 20, seed, out, as_json=as_json)
    else:
        with stopping_with("stopped; nothing was written"):
            calibration = _simulated(plan, _recorded(recorded), out)
        _show(calibration, as_json=as_json)
        names = "calibration.csv, calibration.png, calibration.svg"
        say(f"files: {out}/{names}")


def _recorded(folders: tuple[Path, ...]) -> "list[RecordedCurve]":
    from depthbench.calibration.curves import recorded_curves

    with usage_errors():
        return [curve for folder in folders for curve in recorded_curves(folder)]


def _share_of_seeds(paths: tuple[Path, ...], out: Path, *, as_json: bool) -> None:
    """Estimate, write and print the share of a seed in stored trials."""
    from depthbench.calibration.seed_table import (
        read_seeded,
        seed_share_markdown,
        seed_share_rows,
    )

    with usage_errors():
        rows = seed_share_rows(read_seeded(paths))
    publish(out / "seed_share.csv", rows, seed_share_markdown(rows), as_json=as_json)


def _starts(
    recorded: "list[RecordedCurve]",
    num_searches: int,
    seed: int,
    out: Path,
    *,
    as_json: bool,
) -> None:
    """Simulate, write and print what a start from a forecast saves."""
    import pandas as pd

    from depthbench.calibration.forecast_start import (
        TRUTHS,
        start_markdown,
        start_rows,
    )

    rows = pd.concat(
        start_rows(truths, name, num_searches=num_searches, seed=seed)
        for name, truths in (("synthetic", TRUTHS), ("recorded", recorded))
        if truths
    )
    publish(out / "forecast_start.csv", rows, start_markdown(rows), as_json=as_json)


def _simulated(
    plan: "CalibrationPlan", recorded: "list[RecordedCurve]", out: Path
) -> "Calibration":
    """The calibration, simulated now, and its files, written."""
    from depthbench.calibration.document import Calibration, to_csv, write_files
    from depthbench.calibration.figure import calibration_figure
    from depthbench.calibration.plan import run_calibration
    from depthbench.store.files import make_folder

    make_folder(out)
    rows = run_calibration(plan, recorded, report=say)
    names = tuple(curve.name for curve in recorded)
    calibration = Calibration(plan=plan, recorded=names, rows=rows)
    csv = to_csv(calibration)
    write_files(out, "calibration", csv, calibration_figure(rows))
    return calibration


def _show(calibration: "Calibration", *, as_json: bool) -> None:
    from depthbench.calibration.document import to_document
    from depthbench.calibration.summary import totals, totals_table

    means = totals(calibration.rows)
    if as_json:
        click.echo(json.dumps(to_document(calibration, means), indent=1))
        return
    shown = totals_table(means).display()
    headings = [heading.title for heading in shown.headings]
    table = plain_table(headings[:2], headings[2:])
    before = None
    for group, *others in ([field.text for field in row] for row in shown.rows):
        table.add_row("" if group == before else group, *others)
        before = group
    print_table(table, width=_WIDTH)
