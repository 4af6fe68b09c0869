"""A finished benchmark, and everything that a reader of its numbers has to know."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from depthbench.bench.machine import Peak
from depthbench.bench.measurement import (
    Failure,
    Linearity,
    Summary,
    linearity,
    summaries,
)
from depthbench.bench.plan import BenchPlan
from depthbench.record import Environment

SCHEMA_VERSION = 1


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

    @property
    def summaries(self) -> list[Summary]:
        """Median and range of every metric."""
        return summaries(self.table)

    @property
    def linearity(self) -> Linearity | None:
        """How linear time is in depth; None if too few depths were measured."""
        return linearity(self.summaries)


def to_document(benchmark: Benchmark) -> dict[str, Any]:
    """The benchmark without its table, which `bench.csv` has, as JSON knows values."""
    linear = benchmark.linearity
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
        "linearity": None if linear is None else asdict(linear),
        "failures": [asdict(failure) for failure in benchmark.failures],
        "summary": [summary._asdict() for summary in benchmark.summaries],
    }


def to_json(benchmark: Benchmark) -> str:
    """The document as text."""
    return json.dumps(to_document(benchmark), indent=2) + "\n"


def to_csv(benchmark: Benchmark) -> str:
    """The table, a row a number, each with the machine and the versions."""
    where = benchmark.environment
    table = benchmark.table.assign(
        data=benchmark.data,
        device_name=where.device_name,
        instruction_set=where.instruction_set,
        num_cores=benchmark.num_cores,
        depthbench=where.depthbench,
        git_commit=where.git_commit,
        torch=where.torch,
    )
    return str(table.to_csv(index=False, lineterminator="\n"))
