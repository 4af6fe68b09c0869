"""`depthbench run`: measure the largest trainable depth."""

from pathlib import Path
from typing import Any

import click

from depthbench import runtime
from depthbench.cli import errors
from depthbench.cli.commands import GroupedCommand
from depthbench.cli.options import (
    data_dir_option,
    debug_option,
    json_option,
    plugin_option,
    study_options,
)
from depthbench.cli.parameters import SECONDS, FolderPath
from depthbench.study.messages import say

_GROUPS = {
    "What": ("arch", "data", "protocol", "plugin", "init", "threshold", "criterion"),
    "Search": (
        "search",
        "seeds",
        "depths",
        "cap",
        "precision",
        "max_trials",
        "budget",
        "start",
        "ahead",
        "first_seed",
    ),
    "Training": (
        "epochs",
        "batch",
        "lr",
        "lr_grid",
        "tune_lr",
        "lr_range",
        "lr_scaling",
        "lr_depth",
        "optimizer",
        "momentum",
        "nesterov",
        "weight_decay",
        "l2",
        "lr_milestones",
        "lr_gamma",
        "warmup",
        "normalization",
        "train_limit",
        "num_validation",
        "max_train_seconds",
        "train_after",
        "test_every",
    ),
    "Where": (
        "device",
        "workers",
        "data_dir",
        "no_fetch",
        "timeout",
        "engine",
        "scheduler",
        "kernels",
    ),
    "Output": (
        "dry_run",
        "forecast",
        "name",
        "out",
        "pictures",
        "note",
        "as_json",
        "debug",
    ),
}

_EPILOG = """\b
Examples:
  depthbench run --arch elu_bn
  depthbench run --arch elu_bn --data stroke_digits --dry-run
  depthbench run --arch 'tanh*' --protocol standard --protocol notebook
  depthbench run --arch elu --search posterior --precision 0.1
  depthbench run --plugin my_arch.py --arch mine --data folder:my_images
  depthbench run studies/notebook.toml --workers 4

Every flag of a study has a key of the same name in its file; all about each: docs/,
or help(depthbench.StudySpec) in Python.
"""


@click.command("run", cls=GroupedCommand, groups=_GROUPS, epilog=_EPILOG)
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
    type=SECONDS,
    metavar="SECONDS",
    help="Give up a trial after this long: no evidence. [never]",
)
@click.option(
    "--no-fetch",
    is_flag=True,
    help="Do not fetch a data set that is missing.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and its cost; train nothing."
)
@click.option(
    "--forecast/--no-forecast",
    default=True,
    help="First say how deep each cell will train. [--forecast]",
)
@data_dir_option
@plugin_option
@json_option
@debug_option
def command(
    dry_run: bool, forecast: bool, no_fetch: bool, as_json: bool, **flags: Any
) -> int:
    """Measure the largest trainable depth of one or more architectures.

    Kill it at any time: the same command continues.
    """
    from depthbench.study.prepare import prepare

    given = {key: value for key, value in flags.items() if value not in (None, ())}
    given |= {"plugins": given.pop("plugin", ()), "fetch": not no_fetch}
    run = prepare(given.pop("arch", ()), **given)
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
    if result.unwritten:
        say(f"depthbench: the report could not be written: {result.unwritten}")
        return errors.ENVIRONMENT
    say(f"report: {result.folder / 'report.html'}")
    return errors.NO_EVIDENCE if any(c.plan.not_measured for c in result.cells) else 0
