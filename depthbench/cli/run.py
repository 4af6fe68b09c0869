"""`depthbench run`: measure the largest trainable depth."""

from pathlib import Path
from typing import Any

import click

from depthbench import runtime
from depthbench.cli import errors
from depthbench.cli.messages import say
from depthbench.cli.options import (
    data_dir_option,
    debug_option,
    json_option,
    plugin_option,
    study_options,
)
from depthbench.cli.parameters import FolderPath, Seconds


@click.command("run")
@click.argument(
    "study",
    metavar="[STUDY_FILE]",
    required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@study_options
@click.option(
    "--out",
    type=FolderPath(),
    help="Results folder. [results/NAME]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Trials at once, a process each. [cores; 1 with cuda; all of a cluster]",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    help="Train in processes of this machine, or on a Dask cluster. [local]",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Of the Dask scheduler: tcp://HOST:PORT.",
)
@click.option(
    "--timeout",
    type=Seconds(),
    metavar="SECONDS",
    help="Give up a trial after this long: no evidence. [never]",
)
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and its cost; train nothing."
)
@click.option(
    "--forecast",
    is_flag=True,
    help="First store in the results folder how deep each cell is expected to train.",
)
@data_dir_option
@plugin_option
@json_option
@debug_option
def command(dry_run: bool, forecast: bool, as_json: bool, **flags: Any) -> int:
    """Measure the largest trainable depth of one or more architectures.

    The depth doubles until it fails and is then bisected; every depth is decided by
    a majority of seeds. With --search posterior, each training is made where it tells
    most about k50, the depth where half of all trainings succeed. Kill it at any time:
    the same command continues.
    """
    from depthbench.study.prepare import prepare

    given = {key: value for key, value in flags.items() if value not in (None, ())}
    run = prepare(given.pop("arch", ()), plugins=given.pop("plugin", ()), **given)
    if dry_run:
        from depthbench.cli.dry_run import print_plan
        from depthbench.study.dry_run import dry_run as planned

        runtime.configure_process(num_threads=1)
        print_plan(run.folder, planned(run), as_json=as_json)
        return 0
    from depthbench.cli.results import print_results
    from depthbench.study.run import carry_out

    result = carry_out(run, forecast=forecast)
    print_results(result.folder, result.found, as_json=as_json)
    say(f"report: {result.folder / 'report.html'}")
    return errors.NO_EVIDENCE if any(c.plan.not_measured for c in result.cells) else 0
