"""The tables of a benchmark on a terminal."""

from collections.abc import Iterator
from typing import Any

import click
import pandas as pd
from rich.table import Table

from depthbench.bench.document import Benchmark
from depthbench.bench.measurement import CASE, Metric, ms_per_layer, spread, summaries
from depthbench.bench.plan import SIDE_NAMES, Part, Side
from depthbench.cli.tables import plain_table, print_table
from depthbench.text import count, duration, short_percent

_WIDTH = 100  # what a line of a table needs; a narrower one would be cut


def print_benchmark(benchmark: Benchmark) -> None:
    """Tables and what one has to know to read them, on standard output."""
    on_cpu = benchmark.device == "cpu"
    titles: dict[Part, str] = {
        "step": f"Training step, {'one thread' if on_cpu else 'one GPU'}",
        "epoch": "Whole epochs with data loading and test"
        + (f", all {count(benchmark.num_cores, 'core')}" if on_cpu else ""),
        "trial": "Whole trials of 3 epochs",
        "depth": "Growth with depth",
        "batch": "Growth with batch",
    }
    found = summaries(benchmark.table)
    for part, title in titles.items():
        mine = found[found["part"] == part]
        if len(mine):
            print_table(_table(title, mine), width=_WIDTH)
            click.echo()
    for line in _notes(benchmark, found):
        click.echo(line)


_UNDISTURBED = 0.95  # share of its time in which a thread has a core

_HEADINGS: dict[Metric, str] = {
    "seconds": "seconds",
    "ms_per_step": "ms/step",
    "images_per_second": "images/s",
    "gflop_per_second": "GFLOP/s",
    "share_of_peak": "of peak",
    "peak_memory_bytes": "memory",
    "speedup": "speed-up (range)",
}


def _table(title: str, found: pd.DataFrame) -> Table:
    """One row per case and side, one column a metric that was measured."""
    part, architecture, depth, batch_size = found[CASE].iloc[0]
    fixed = f"{architecture} {depth}" if part == "batch" else f"batch {batch_size}"
    measured = set(found["metric"])
    metrics = [metric for metric in _HEADINGS if metric in measured]
    headings = [_HEADINGS[metric] for metric in metrics]
    table = plain_table(["network", "trained by"], headings, title=f"{title}, {fixed}")
    before = None
    for _, mine in found.groupby([*CASE, "side"], sort=False):
        by_metric = {each.metric: each for each in mine.itertuples()}
        one = mine.iloc[0]
        name = f"{one.architecture} {one.depth}"
        name = f"batch {one.batch_size}" if part == "batch" else name
        cells = [_cell(by_metric.get(metric)) for metric in metrics]
        table.add_row(
            "" if name == before else name, SIDE_NAMES[Side(one.side)], *cells
        )
        before = name
    return table


def _cell(one: Any | None) -> str:
    """The median; the highest for memory; nothing for what was not measured."""
    if one is None:
        return ""
    match one.metric:
        case "share_of_peak":
            return short_percent(round(one.median, 2))
        case "peak_memory_bytes":
            return f"{one.high / 1e9:.2f} GB"
        case "speedup":
            return f"{one.median:.2f} ({one.low:.2f}-{one.high:.2f})"
        case "images_per_second":
            return f"{one.median:,.0f}"
    return f"{one.median:,.1f}"


def _notes(benchmark: Benchmark, found: pd.DataFrame) -> Iterator[str]:
    where = benchmark.environment
    peak = benchmark.peak
    per = "a thread" if benchmark.device == "cpu" else "the GPU"
    load = benchmark.load_average
    yield (
        f"{where.device_name}, {count(benchmark.num_cores, 'core')}; torch "
        f"{where.torch}, depthbench {where.depthbench} ({where.git_commit}); data "
        f"{benchmark.data}; load average at the start "
        f"{'unknown' if load is None else f'{load:.2f}'}; took "
        f"{duration(benchmark.seconds)}"
    )
    rounds = benchmark.plan.rounds
    fewer = set(found["num_rounds"][found["part"] == "trial"]) - {rounds}
    of_trials = f" ({max(fewer)} of whole trials)" if fewer else ""
    yield (
        f"medians of {count(rounds, 'round')}{of_trials}, range in brackets; a "
        "speed-up is over the baseline in the same round"
    )
    yield f"peak: {peak.gflop_per_second:.0f} GFLOP/s {per}, by {peak.probe}"
    if benchmark.device == "cpu":
        yield "memory: the process's highest, with torch and the data"
        yield (
            f"an epoch is one of {benchmark.plan.num_train_images:,} training and "
            f"{benchmark.plan.num_test_images:,} test images here"
        )
    else:
        yield "memory: the allocator's highest"
    share = found["low"][found["metric"] == "cpu_share"].min()
    if share < _UNDISTURBED:
        yield (
            f"disturbed: a thread had a core for {100 * share:.0f} % of its time "
            "in one round; repeat this on a quiet machine. Work on several threads "
            "suffers most, here the baseline on all cores"
        )
    times = ms_per_layer(found)
    if len(times) > 1:
        yield (
            f"time a layer from k={times.index.min()} to {times.index.max()}, of the "
            f"fastest steps: {times.min():.2f} to {times.max():.2f} ms, a spread of "
            f"{100 * spread(times):.0f} %"
        )
    if benchmark.without_fused is not None:
        yield f"fused kernels not measured: {benchmark.without_fused}"
    for failure in benchmark.failures:
        yield (
            f"failed: {failure.setting}, {failure.side}, round {failure.round + 1}: "
            f"{failure.message}"
        )
