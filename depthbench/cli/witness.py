"""`depthbench witness`: does an independent implementation give the same answer?"""

import json
import signal
from pathlib import Path

import click

from depthbench import runtime
from depthbench.cli.errors import NO_EVIDENCE, TerminatedError
from depthbench.cli.messages import say
from depthbench.cli.options import (
    architecture_names,
    data_dir_option,
    data_names,
    debug_option,
    json_option,
)
from depthbench.cli.parameters import FolderPath


@click.command("witness")
@click.option(
    "--arch",
    default="elu",
    metavar="NAME",
    shell_complete=architecture_names,
    help="A convolution stack. [elu]",
)
@click.option(
    "--depth",
    "depths",
    type=int,
    multiple=True,
    default=(21, 39),
    help="Depth to train at. Repeatable. [21 and 39]",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=12,
    help="Trainings at each depth, of each implementation. [12]",
)
@click.option(
    "--data",
    default="mnist",
    metavar="NAME",
    shell_complete=data_names,
    help="Data set, or folder:PATH. [mnist]",
)
@click.option(
    "--out",
    type=FolderPath(),
    default=Path("results/witness"),
    help="Folder of trainings.csv and witness.csv. [results/witness]",
)
@data_dir_option
@json_option
@debug_option
def command(
    arch: str,
    depths: tuple[int, ...],
    seeds: int,
    data: str,
    out: Path,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Ask an independent implementation: do as many trainings succeed?

    The networks are trained by depthbench and by a baseline in plain PyTorch, which
    shares nothing with it but the description of the stack. Printed are the shares
    that train, with Fisher's exact p. With the defaults it takes about an hour on one
    core; every finished training is kept, and the same command goes on.
    """
    from depthbench.bench.witness import NoEvidenceError, WitnessPlan, run_witness
    from depthbench.bench.witness_table import witness_rows, witness_table
    from depthbench.datasets import DATASETS
    from depthbench.store.files import make_folder

    folder = (data_dir or runtime.data_dir()).absolute()
    try:
        plan = WitnessPlan(architecture=arch, depths=depths, num_seeds=seeds, data=data)
        DATASETS[data].load(folder)  # what is missing is found before any training
        make_folder(out)
        trainings = run_witness(plan, out, folder, report=say)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except NoEvidenceError as error:
        say(f"{error}; the same command goes on")
        return NO_EVIDENCE
    except (KeyboardInterrupt, TerminatedError) as stop:
        say("stopped; finished trainings are kept, and the same command goes on")
        is_terminated = isinstance(stop, TerminatedError)
        return 128 + (signal.SIGTERM if is_terminated else signal.SIGINT)
    table = witness_table(witness_rows(trainings))
    shown = json.dumps(table.dicts, indent=2) + "\n"
    click.echo(shown if as_json else table.markdown(), nl=False)
    say(f"files: {out}/trainings.csv, witness.csv")
    return 0
