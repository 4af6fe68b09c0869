"""The tables of a benchmark on a terminal."""

import sys

from rich.console import Console
from rich.table import Table

from depthbench.bench.document import Benchmark
from depthbench.bench.measurement import Metric, Summary
from depthbench.bench.plan import SIDE_NAMES, Part
from depthbench.report.words import count, duration

_WIDTH = 96  # what a line of a table needs; narrower ones would be cut


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
            console.print(_table(title, mine))
    for line in _notes(benchmark):
        console.print(line, markup=False, soft_wrap=True)


def _table(title: str, found: list[Summary]) -> Table:
    is_compared = any(summary.metric == "speedup" for summary in found)
    first = found[0]
    fixed = f"batch {first.batch_size}"
    if first.part == "batch":
        fixed = f"{first.architecture} {first.depth}"
    title = f"\n{title}, {fixed}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.add_column("network", no_wrap=True)
    table.add_column("trained by", no_wrap=True)
    for heading in ("ms/step", "images/s", "GFLOP/s", "of peak", "memory"):
        table.add_column(heading, justify="right", no_wrap=True)
    if is_compared:
        table.add_column("speed-up (range)", justify="right", no_wrap=True)
    before = None
    keys = dict.fromkeys((s.architecture, s.depth, s.batch_size, s.side) for s in found)
    for *case, side in keys:
        name = f"{case[0]} {case[1]}"
        if found[0].part == "batch":
            name = f"batch {case[2]}"
        mine = {
            s.metric: s
            for s in found
            if [s.architecture, s.depth, s.batch_size, s.side] == [*case, side]
        }
        cells = [_cell(mine, metric) for metric in _COLUMNS if metric != "speedup"]
        if is_compared:
            cells.append(_cell(mine, "speedup"))
        table.add_row("" if name == before else name, SIDE_NAMES[side], *cells)
        before = name
    return table


_COLUMNS: tuple[Metric, ...] = (
    "ms_per_step",
    "images_per_second",
    "gflop_per_second",
    "share_of_peak",
    "peak_memory_bytes",
    "speedup",
)


def _cell(mine: dict[Metric, Summary], metric: Metric) -> str:
    if metric not in mine:
        return ""
    one = mine[metric]
    match metric:
        case "ms_per_step":
            return f"{one.median:,.1f}"
        case "images_per_second":
            return f"{one.median:,.0f}"
        case "gflop_per_second":
            return f"{one.median:,.1f}"
        case "share_of_peak":
            return f"{100 * one.median:.0f} %"
        case "peak_memory_bytes":
            return f"{one.high / 1e9:.2f} GB"
        case "speedup":
            return f"{one.median:.2f} ({one.low:.2f} to {one.high:.2f})"


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
        f"medians of {count(benchmark.plan.rounds, 'round')}; in brackets the range; "
        "ratios are formed within a round",
        f"peak: {peak.gflop_per_second:.0f} GFLOP/s {per}, by {peak.probe}",
        "memory: the process's highest, with torch and the data"
        if benchmark.device == "cpu"
        else "memory: the allocator's highest",
    ]
    linear = benchmark.linearity
    if linear is not None:
        depths = f"{min(linear.ms_per_layer)} to {max(linear.ms_per_layer)}"
        notes.append(
            f"time a layer from k={depths}: {min(linear.ms_per_layer.values()):.2f} to "
            f"{max(linear.ms_per_layer.values()):.2f} ms, a spread of "
            f"{100 * linear.spread:.0f} %"
        )
    if benchmark.without_fused is not None:
        notes.append(f"fused kernels not measured: {benchmark.without_fused}")
    notes += [
        f"failed: {failure.setting}, {failure.side}, round {failure.round + 1}: "
        f"{failure.message}"
        for failure in benchmark.failures
    ]
    return notes
