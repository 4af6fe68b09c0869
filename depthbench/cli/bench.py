"""`depthbench bench`: speed against a baseline in plain PyTorch."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depthbench import runtime
from depthbench.cli.errors import NO_EVIDENCE, stopping_with, usage_errors
from depthbench.cli.options import (
    data_dir_option,
    data_option,
    debug_option,
    json_option,
)
from depthbench.cli.parameters import FolderPath
from depthbench.cli.tables import publish
from depthbench.study.messages import say

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
@data_option(
    "stroke_digits",
    "Data set, or folder:PATH. [stroke_digits, which needs no files]",
)
@click.option(
    "--out",
    type=FolderPath(),
    help="Folder of bench.csv, .png and .svg. "
    "[results/bench; results/bench-quick with --quick]",
)
@click.option(
    "--answer",
    is_flag=True,
    help="Measure no steps: simulate whole searches by each strategy, and write what "
    "they take, by the steps of the benchmark in --out, to answer.csv there.",
)
@click.option(
    "--searches",
    type=click.IntRange(min=1),
    default=20,
    help="With --answer: searches on each curve, by each strategy. [20]",
)
@click.option(
    "--recorded",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --answer: results folder whose trials are curves, too. Repeatable.",
)
@click.option(
    "--storage",
    is_flag=True,
    help="Measure no steps, but what 1,000 and 10,000 stored trials take to store, "
    "read, plan on and report, and write it to storage.csv in --out.",
)
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu or cuda.")
@data_dir_option
@json_option
@debug_option
def command(  # noqa: PLR0913 - one for each flag
    quick: bool,
    rounds: int | None,
    data: str,
    out: Path | None,
    answer: bool,
    searches: int,
    recorded: tuple[Path, ...],
    storage: bool,
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

    if answer and storage:
        raise click.UsageError("--answer, --storage: give one of them")
    if answer or storage:
        folder = out or Path("results/bench")
        with stopping_with("stopped; nothing was written"):
            if answer:
                _answer(folder, searches, recorded, as_json=as_json)
            else:
                _storage(folder, as_json=as_json)
        return 0
    check_device(device)
    with usage_errors():
        dataset = DATASETS[data]
    plan = QUICK if quick else FULL
    plan = replace(plan, rounds=rounds or plan.rounds)
    out = out or Path("results/bench-quick" if quick else "results/bench")
    chosen = runtime.resolve_device(device)
    folder = (data_dir or runtime.data_dir()).absolute()
    with stopping_with("stopped; nothing was written"):
        benchmark = _measured(plan, dataset, folder, chosen, out)
    _show(benchmark, as_json=as_json)
    say(f"files: {out}/bench.csv, bench.png, bench.svg")
    return NO_EVIDENCE if benchmark.failures else 0


def _answer(
    folder: Path, num_searches: int, recorded: tuple[Path, ...], *, as_json: bool
) -> None:
    """Simulate, write and print what whole searches take."""
    from depthbench.bench.answer import answer_markdown, answer_rows
    from depthbench.bench.measurement import read_table
    from depthbench.calibration.curves import Curve, Truth, recorded_curves

    stored = folder / "bench.csv"
    truths: list[Truth] = [Curve(k, width) for k in (30, 100) for width in (0.1, 0.3)]
    with usage_errors():
        benchmark = read_table(stored) if stored.exists() else None
        truths += [curve for each in recorded for curve in recorded_curves(each)]
    if benchmark is None:
        say(f"{folder} has no bench.csv: no seconds; run `depthbench bench` first")
    rows = answer_rows(truths, benchmark, num_searches=num_searches)
    publish(folder / "answer.csv", rows, answer_markdown(rows), as_json=as_json)


def _storage(folder: Path, *, as_json: bool) -> None:
    from depthbench.bench.storage import COUNTS, storage_markdown, storage_rows

    rows = storage_rows(COUNTS)
    publish(folder / "storage.csv", rows, storage_markdown(rows), as_json=as_json)


def _measured(
    plan: "BenchPlan", dataset: "Dataset", data_dir: Path, device: str, out: Path
) -> "Benchmark":
    """The benchmark, measured now, and its files, written."""
    from depthbench.bench.document import to_csv
    from depthbench.bench.driver import run_bench
    from depthbench.bench.figure import bench_figure
    from depthbench.calibration.document import write_files
    from depthbench.store.files import make_folder

    # What is missing, or cannot be written, is found before minutes of measuring.
    data = dataset.load(data_dir)
    make_folder(out)
    benchmark = run_bench(plan, data, data_dir=data_dir, device=device, report=say)
    write_files(out, "bench", to_csv(benchmark), bench_figure(benchmark))
    return benchmark


def _show(benchmark: "Benchmark", *, as_json: bool) -> None:
    from depthbench.bench.document import to_document
    from depthbench.cli.bench_tables import print_benchmark

    if as_json:
        click.echo(json.dumps(to_document(benchmark), indent=2))
    else:
        print_benchmark(benchmark)
