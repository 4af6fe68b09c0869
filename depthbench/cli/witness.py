"""`depthbench witness`: does an independent implementation give the same answer?"""

import json
from pathlib import Path

import click

from depthbench import runtime
from depthbench.cli.errors import NO_EVIDENCE, stopping_with, usage_errors
from depthbench.cli.options import (
    architecture_names,
    data_dir_option,
    data_option,
    debug_option,
    json_option,
)
from depthbench.cli.parameters import FolderPath
from depthbench.study.messages import say


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
@data_option("mnist", "Data set, or folder:PATH. [mnist]")
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
    from depthbench.bench.witness_table import witness_markdown, witness_rows
    from depthbench.calibration.frames import as_records
    from depthbench.datasets import DATASETS
    from depthbench.store.files import make_folder

    folder = (data_dir or runtime.data_dir()).absolute()
    stopped = "stopped; finished trainings are kept, and the same command goes on"
    with usage_errors(), stopping_with(stopped):
        plan = WitnessPlan(architecture=arch, depths=depths, num_seeds=seeds, data=data)
        DATASETS[data].load(folder)  # what is missing is found before any training
        make_folder(out)
        try:
            rows = witness_rows(run_witness(plan, out, folder, report=say))
        except NoEvidenceError as error:
            say(f"{error}; the same command goes on")
            return NO_EVIDENCE
    shown = json.dumps(as_records(rows), indent=2) + "\n"
    click.echo(shown if as_json else witness_markdown(rows), nl=False)
    say(f"files: {out}/trainings.csv, witness.csv")
    return 0
