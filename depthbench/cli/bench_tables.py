"""The tables of a benchmark on a terminal."""

import sys

from rich.console import Console
from rich.table import Table

from depthbench.bench.document import Benchmark
from depthbench.bench.measurement import Metric, Summary, metrics_of
from depthbench.bench.plan import SIDE_NAMES, Part
from depthbench.text import count, duration, short_percent

_WIDTH = 100  # what a line of a table needs; a narrower one would be cut


def print_benchmark(benchmark: Benchmark) -> None:
    """Tables and what one has to know to read them, on standard output."""
    console = Console(file=sys.stdout, highlight=False, width=_WIDTH)
    on_cpu = benchmark.device == "cpu"
    titles: dict[Part, str] = {
        "step": f"Training step, {'one thread' if on_cpu else 'one GPU'}",
        "epoch": "Whole epochs with data loading and test"
        + (f", all {count(benchmark.num_cores, 'core')}" if on_cpu else ""),
        "trial": "Whole trials of 3 epochs",
        "depth": "Growth with depth",
        "batch": "Growth with batch",
    }
    found = benchmark.summaries
    for part, title in titles.items():
        mine = [summary for summary in found if summary.part == part]
        if mine:
            console.print(_table(title, mine), end="\n\n")
    for line in _notes(benchmark):
        console.print(line, markup=False, soft_wrap=True)


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


def _table(title: str, found: list[Summary]) -> Table:
    """One row per case and side, one column a metric that was measured."""
    part, architecture, depth, batch_size = found[0].case
    fixed = f"{architecture} {depth}" if part == "batch" else f"batch {batch_size}"
    table = Table(
        title=f"{title}, {fixed}",
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
    )
    measured = {summary.metric for summary in found}
    metrics = [metric for metric in _HEADINGS if metric in measured]
    table.add_column("network", no_wrap=True)
    table.add_column("trained by", no_wrap=True)
    for metric in metrics:
        table.add_column(_HEADINGS[metric], justify="right", no_wrap=True)
    before = None
    for case, side in dict.fromkeys((summary.case, summary.side) for summary in found):
        _, architecture, depth, batch_size = case
        name = f"batch {batch_size}" if part == "batch" else f"{architecture} {depth}"
        mine = metrics_of(found, case, side)
        cells = [_cell(mine.get(metric)) for metric in metrics]
        table.add_row("" if name == before else name, SIDE_NAMES[side], *cells)
        before = name
    return table


def _cell(one: Summary | None) -> str:
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


def _notes(benchmark: Benchmark) -> list[str]:
    where = benchmark.environment
    peak = benchmark.peak
    per = "a thread" if benchmark.device == "cpu" else "the GPU"
    load = benchmark.load_average
    notes = [
        f"{where.device_name}, {count(benchmark.num_cores, 'core')}; torch "
        f"{where.torch}, depthbench {where.depthbench} ({where.git_commit}); data "
        f"{benchmark.data}; load average at the start "
        f"{'unknown' if load is None else f'{load:.2f}'}; took "
        f"{duration(benchmark.seconds)}",
        f"medians of {_rounds_text(benchmark)}, range in brackets; a speed-up is over "
        "the baseline in the same round",
        f"peak: {peak.gflop_per_second:.0f} GFLOP/s {per}, by {peak.probe}",
        "memory: the process's highest, with torch and the data"
        if benchmark.device == "cpu"
        else "memory: the allocator's highest",
    ]
    if benchmark.device == "cpu":
        notes.append(
            f"an epoch is one of {benchmark.plan.num_train_images:,} training and "
            f"{benchmark.plan.num_test_images:,} test images here"
        )
    shares = [s.low for s in benchmark.summaries if s.metric == "cpu_share"]
    if min(shares, default=1.0) < _UNDISTURBED:
        notes.append(
            f"disturbed: a thread had a core for {100 * min(shares):.0f} % of its time "
            "in one round; repeat this on a quiet machine. Work on several threads "
            "suffers most, here the baseline on all cores"
        )
    linear = benchmark.linearity
    if linear is not None:
        depths = f"{min(linear.ms_per_layer)} to {max(linear.ms_per_layer)}"
        times = linear.ms_per_layer.values()
        notes.append(
            f"time a layer from k={depths}, of the fastest steps: {min(times):.2f} to "
            f"{max(times):.2f} ms, a spread of {100 * linear.spread:.0f} %"
        )
    if benchmark.without_fused is not None:
        notes.append(f"fused kernels not measured: {benchmark.without_fused}")
    notes += [
        f"failed: {failure.setting}, {failure.side}, round {failure.round + 1}: "
        f"{failure.message}"
        for failure in benchmark.failures
    ]
    return notes


def _rounds_text(benchmark: Benchmark) -> str:
    rounds = benchmark.plan.rounds
    fewer = {s.num_rounds for s in benchmark.summaries if s.part == "trial"} - {rounds}
    of_trials = f" ({max(fewer)} of whole trials)" if fewer else ""
    return count(rounds, "round") + of_trials
