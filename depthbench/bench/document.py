"""A finished benchmark, and everything that a reader of its numbers has to know."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from depthbench.bench.machine import Peak
from depthbench.bench.measurement import ms_per_layer, spread, summaries
from depthbench.bench.plan import BenchPlan, Side
from depthbench.calibration.frames import as_csv, as_records
from depthbench.record import Environment

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A side that could not be measured; its later rounds were left out."""

    setting: str
    side: Side
    round: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Benchmark:
    """A finished benchmark.

    Attributes:
        num_cores: That the measuring processes could use.
        load_average: Of the system in the minute before the start, if known;
            about 0 on an idle machine.
        without_fused: Why the fused kernels were not measured; None if they were.
        table: Of every measurement, see `long_table`.
        seconds: That all of it took.
    """

    plan: BenchPlan
    data: str
    device: str
    environment: Environment
    num_cores: int
    load_average: float | None
    peak: Peak
    without_fused: str | None
    table: pd.DataFrame
    failures: tuple[Failure, ...]
    started_at: str
    seconds: float


def to_document(benchmark: Benchmark) -> dict[str, Any]:
    """The benchmark without its table, which `bench.csv` has, as JSON knows values."""
    found = summaries(benchmark.table)
    times = ms_per_layer(found)
    linear = {"ms_per_layer": times.to_dict(), "spread": spread(times)}
    return {
        "schema": SCHEMA_VERSION,
        "started_at": benchmark.started_at,
        "seconds": benchmark.seconds,
        "environment": asdict(benchmark.environment),
        "num_cores": benchmark.num_cores,
        "load_average": benchmark.load_average,
        "device": benchmark.device,
        "data": benchmark.data,
        "peak": asdict(benchmark.peak),
        "without_fused": benchmark.without_fused,
        "plan": asdict(benchmark.plan),
        "linearity": linear if len(times) > 1 else None,
        "failures": [asdict(failure) for failure in benchmark.failures],
        "summary": as_records(found),
    }


def to_csv(benchmark: Benchmark) -> str:
    """The table, a row a number, each with the machine and the versions."""
    where = benchmark.environment
    return as_csv(
        benchmark.table.assign(
            data=benchmark.data,
            device_name=where.device_name,
            instruction_set=where.instruction_set,
            num_cores=benchmark.num_cores,
            depthbench=where.depthbench,
            git_commit=where.git_commit,
            torch=where.torch,
        )
    )
