"""`depthbench bench`: speed against a baseline in plain PyTorch."""

import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depthbench import runtime
from depthbench.cli.errors import NO_EVIDENCE, TerminatedError
from depthbench.cli.messages import say
from depthbench.cli.options import (
    data_dir_option,
    data_names,
    debug_option,
    json_option,
)
from depthbench.cli.parameters import FolderPath

if TYPE_CHECKING:
    from depthbench.bench.document import Benchmark
    from depthbench.bench.plan import BenchPlan
    from depthbench.datasets import Dataset


@click.command("bench")
@click.option("--quick", is_flag=True, help="One case, few rounds; under a minute.")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="Turns of each side. [5; 2 with --quick]",
)
@click.option(
    "--data",
    default="stroke_digits",
    metavar="NAME",
    shell_complete=data_names,
    help="Data set, or folder:PATH. [stroke_digits, which needs no files]",
)
@click.option(
    "--out",
    type=FolderPath(),
    help="Folder of bench.csv, .json, .png and .svg. "
    "[results/bench; results/bench-quick with --quick]",
)
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu or cuda.")
@data_dir_option
@json_option
@debug_option
def command(
    quick: bool,
    rounds: int | None,
    data: str,
    out: Path | None,
    device: str,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Measure how fast trials train here, against a baseline in plain PyTorch.

    The baseline is what one writes with PyTorch's own parts: a DataLoader with
    transforms, eager modules, a loss read at each step. Both train the same networks
    from the same weights, in turns. Leave the machine alone meanwhile.
    """
    from depthbench.bench.plan import FULL, QUICK
    from depthbench.cli.env import check_device
    from depthbench.datasets import DATASETS

    check_device(device)
    try:
        dataset = DATASETS[data]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    plan = QUICK if quick else FULL
    plan = replace(plan, rounds=rounds or plan.rounds)
    out = out or Path("results/bench-quick" if quick else "results/bench")
    chosen = runtime.resolve_device(device)
    folder = (data_dir or runtime.data_dir()).absolute()
    try:
        benchmark = _measured(plan, dataset, folder, chosen, out)
    except (KeyboardInterrupt, TerminatedError) as stop:
        say("stopped; nothing was written")
        is_terminated = isinstance(stop, TerminatedError)
        return 128 + (signal.SIGTERM if is_terminated else signal.SIGINT)
    _show(benchmark, out, as_json=as_json)
    return NO_EVIDENCE if benchmark.failures else 0


def _measured(
    plan: "BenchPlan", dataset: "Dataset", data_dir: Path, device: str, out: Path
) -> "Benchmark":
    """The benchmark, measured now, and its files, written."""
    from depthbench.bench.driver import run_bench
    from depthbench.bench.files import write_files
    from depthbench.store.files import make_folder

    # What is missing, or cannot be written, is found before minutes of measuring.
    data = dataset.load(data_dir)
    make_folder(out)
    benchmark = run_bench(plan, data, data_dir=data_dir, device=device, report=say)
    write_files(out, benchmark)
    return benchmark


def _show(benchmark: "Benchmark", out: Path, *, as_json: bool) -> None:
    from depthbench.bench.document import to_json
    from depthbench.cli.bench_tables import print_benchmark

    if as_json:
        click.echo(to_json(benchmark), nl=False)
    else:
        print_benchmark(benchmark)
    say(f"files: {out}/bench.csv, bench.json, bench.png, bench.svg")
