"""Flags that several commands share, and a study from flags and file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from depthbench import runtime
from depthbench.architectures.initializers import CHOICES
from depthbench.cli.parameters import DEPTHS, FolderPath
from depthbench.cli.protocol_options import PROTOCOL_FLAGS
from depthbench.cli.rate_options import RATE_FLAGS

Command = TypeVar("Command", bound=Callable[..., Any])


def architecture_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completions of an architecture's name, those of plugins among them."""
    from depthbench.plugins import load_architectures

    del param
    plugins = (*runtime.plugin_paths(), *(ctx.params.get("plugin") or ()))
    names = load_architectures(plugins)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def data_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Completions of a data set's name; of a folder of images, the prefix."""
    from depthbench.datasets import DATASETS

    del ctx, param
    names = (form.removesuffix("PATH") for form in DATASETS.forms)
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def debug_option(command: Command) -> Command:
    """`--debug`, which `main` reads itself."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Show tracebacks."
    )(command)


def json_option(command: Command) -> Command:
    """`--json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the result as JSON."
    )(command)


def plugin_option(command: Command) -> Command:
    """`--plugin`, added to what the environment names."""
    return click.option(
        "--plugin",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Python file that defines further architectures. Repeatable.",
    )(command)


def data_dir_option(command: Command) -> Command:
    """`--data-dir`."""
    return click.option(
        "--data-dir",
        type=FolderPath(),
        help="Where the data sets lie. [DEPTHBENCH_DATA, or the user's cache]",
    )(command)


# One flag for each key of a study file; absent flags leave the file's value.
_STUDY_FLAGS = (
    click.option("--name", help="Name of the study and its results folder."),
    click.option("--note", help="What the study asks, for the readers of its report."),
    click.option(
        "--arch",
        multiple=True,
        metavar="GLOB",
        shell_complete=architecture_names,
        help="Architecture; wildcards allowed. Repeatable.",
    ),
    click.option(
        "--data",
        multiple=True,
        metavar="NAME",
        shell_complete=data_names,
        help="Data set, or folder:PATH. Repeatable. [mnist]",
    ),
    click.option(
        "--protocol",
        multiple=True,
        metavar="NAME",
        help="standard, or notebook (the reference experiment's loop, with its slip "
        "in train mode). Repeatable. [standard]",
    ),
    click.option(
        "--init",
        metavar="NAME",
        help=f"Initial weights: {CHOICES}; default is PyTorch's. [the architecture's "
        "own]",
    ),
    click.option("--epochs", type=int, help="Passes over the training set. [3]"),
    click.option("--batch", type=int, help="Images a step. [256]"),
    click.option("--lr", type=float, help="Learning rate. [the architecture's own]"),
    *RATE_FLAGS,
    click.option("--momentum", type=float, help="Of SGD. [0.9]"),
    click.option("--weight-decay", type=float, help="Of the optimizer. [0]"),
    *PROTOCOL_FLAGS,
    click.option(
        "--threshold",
        type=float,
        help="Error, a fraction, that a trained network stays below. [0.2]",
    ),
    click.option(
        "--criterion",
        metavar="WHICH",
        help="Error to judge by: train, test, either (the lower of the two) or "
        "validation. [either]",
    ),
    click.option(
        "--search",
        metavar="NAME",
        help="How depths are chosen: bisect, posterior (the fewest trials to an "
        "interval for k50, at which half of the seeds train) or grid (every depth of "
        "--depths). [bisect]",
    ),
    click.option(
        "--seeds",
        type=int,
        help="Trainings a depth is decided by; odd for bisect. [3]",
    ),
    click.option("--first-seed", type=int, help="Smallest seed. [0]"),
    click.option(
        "--depths",
        type=DEPTHS,
        help="Bracket to start from, or the ends of a grid. "
        "[double up from the bottom]",
    ),
    click.option(
        "--cap", type=int, help="Stop, censored, when this depth trains. [768]"
    ),
    click.option(
        "--precision",
        type=float,
        help="Of k50, at which a posterior search stops: half its 90 % interval, as a "
        "fraction. [0.15]",
    ),
    click.option(
        "--max-trials", type=int, help="Most trials of a posterior search. [40]"
    ),
    click.option(
        "--budget",
        metavar="AMOUNT",
        help="Most training of a posterior search, for each cell: 2h, 30m, 90s, or "
        "5000le (layer-epochs: depth times epochs). [no limit]",
    ),
    click.option(
        "--ahead",
        type=int,
        help="Trials of a posterior search under way at once. [2]",
    ),
    click.option("--device", metavar="NAME", help="auto, cpu or cuda. [auto]"),
    click.option(
        "--kernels",
        metavar="NAME",
        help="What computes the built-in blocks: reference (plain PyTorch), fused, or "
        "auto, the faster that works here. [auto]",
    ),
    click.option(
        "--pictures",
        multiple=True,
        metavar="WHICH",
        help="Show in the report, too: filters (of the first layer) or histories (of "
        "loss and accuracy). Repeatable.",
    ),
)


def study_options(command: Command) -> Command:
    """Every key of a study as a flag."""
    for option in reversed(_STUDY_FLAGS):
        command = option(command)
    return command
