"""`depthbench calibrate`: searches simulated on truths whose answer is known."""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from depthbench.cli.errors import TerminatedError
from depthbench.cli.messages import say
from depthbench.cli.options import debug_option, json_option
from depthbench.cli.parameters import FolderPath

if TYPE_CHECKING:
    from depthbench.calibration.curves import RecordedCurve
    from depthbench.calibration.document import Calibration
    from depthbench.calibration.plan import CalibrationPlan
    from depthbench.report.table import Table

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
) -> int:
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
        return 0
    if start:
        _starts(_recorded(recorded), searches or 20, seed, out, as_json=as_json)
        return 0
    try:
        calibration = _simulated(plan, _recorded(recorded), out)
    except (KeyboardInterrupt, TerminatedError) as stop:
        say("stopped; nothing was written")
        is_terminated = isinstance(stop, TerminatedError)
        return 128 + (signal.SIGTERM if is_terminated else signal.SIGINT)
    _show(calibration, as_json=as_json)
    names = "calibration.csv, calibration.png, calibration.svg"
    say(f"files: {out}/{names}")
    return 0


def _recorded(folders: tuple[Path, ...]) -> "list[RecordedCurve]":
    from depthbench.calibration.recorded import recorded_curves

    for folder in folders:
        if not (folder / "study.toml").exists():
            raise click.UsageError(
                f"--recorded {folder}: it has no study.toml, so it is no study"
            )
    try:
        return [curve for folder in folders for curve in recorded_curves(folder)]
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _share_of_seeds(paths: tuple[Path, ...], out: Path, *, as_json: bool) -> None:
    """Estimate, write and print the share of a seed in stored trials."""
    from depthbench.calibration.seed_table import (
        ALL_CELLS,
        read_seeded,
        seed_share_rows,
        seed_share_table,
    )

    try:
        rows = seed_share_rows(read_seeded(paths))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    sums = seed_share_table([row for row in rows if row.cell == ALL_CELLS])
    _write(
        out / "seed_share.csv", seed_share_table(rows), sums.markdown(), as_json=as_json
    )


def _starts(
    recorded: "list[RecordedCurve]",
    num_searches: int,
    seed: int,
    out: Path,
    *,
    as_json: bool,
) -> None:
    """Simulate, write and print what a start from a forecast saves."""
    from depthbench.calibration.forecast_start import (
        TRUTHS,
        start_rows,
        start_table,
    )

    rows = [
        row
        for name, truths in (("synthetic", TRUTHS), ("recorded", recorded))
        for row in start_rows(truths, name, num_searches=num_searches, seed=seed)
    ]
    table = start_table(rows)
    _write(out / "forecast_start.csv", table, table.markdown(), as_json=as_json)


def _write(path: Path, table: "Table[Any]", text: str, *, as_json: bool) -> None:
    """A CSV file, and its rows printed as JSON or as a text."""
    from depthbench.store import write_atomic
    from depthbench.store.files import make_folder

    make_folder(path.parent)
    write_atomic(path, table.csv)
    click.echo(json.dumps(table.dicts, indent=1) if as_json else text.rstrip())
    say(f"files: {path}")


def _simulated(
    plan: "CalibrationPlan", recorded: "list[RecordedCurve]", out: Path
) -> "Calibration":
    """The calibration, simulated now, and its files, written."""
    from depthbench.calibration.document import Calibration
    from depthbench.calibration.files import write_files
    from depthbench.calibration.plan import run_calibration
    from depthbench.store.files import make_folder

    make_folder(out)
    calibration = Calibration(
        plan=plan,
        recorded=tuple(curve.name for curve in recorded),
        rows=tuple(run_calibration(plan, recorded, report=say)),
    )
    write_files(out, calibration)
    return calibration


def _show(calibration: "Calibration", *, as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from depthbench.calibration.document import to_json
    from depthbench.calibration.markdown import HEADINGS, METHOD_NAMES, total_cells

    if as_json:
        click.echo(to_json(calibration), nl=False)
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("truths", "search"):
        table.add_column(heading, no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    before = None
    for total in calibration.totals:
        group = "" if total.group == before else total.group
        table.add_row(group, METHOD_NAMES[total.method], *total_cells(total))
        before = total.group
    console = Console(file=sys.stdout, highlight=False, width=_WIDTH)
    console.print(table)
