"""The files of a benchmark."""

from pathlib import Path

from depthbench.bench.document import Benchmark, to_json
from depthbench.bench.figure import bench_figure
from depthbench.bench.measurement import Row
from depthbench.report.figures import render
from depthbench.report.table import table_of_fields
from depthbench.store import write_atomic


def write_files(folder: Path, benchmark: Benchmark) -> None:
    """Write `bench.csv`, `.json`, `.png` and `.svg`, each whole or not at all.

    Raises:
        StoreError: If one cannot be written.
    """
    figure = bench_figure(benchmark)
    write_atomic(folder / "bench.csv", table_of_fields(Row, benchmark.rows).csv)
    write_atomic(folder / "bench.json", to_json(benchmark))
    write_atomic(folder / "bench.png", render(figure, "png"))
    write_atomic(folder / "bench.svg", render(figure, "svg"))
