"""The files of a benchmark."""

from pathlib import Path

from depthbench.bench.document import Benchmark, to_csv
from depthbench.bench.figure import bench_figure
from depthbench.report.figures import render
from depthbench.store import write_atomic


def write_files(folder: Path, benchmark: Benchmark) -> None:
    """Write `bench.csv`, `.png` and `.svg`, each whole or not at all.

    Raises:
        StoreError: If one cannot be written.
    """
    figure = bench_figure(benchmark)
    write_atomic(folder / "bench.csv", to_csv(benchmark))
    write_atomic(folder / "bench.png", render(figure, "png"))
    write_atomic(folder / "bench.svg", render(figure, "svg"))
