"""From what was measured to rows, ratios and medians: arithmetic, and nothing else."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from depthbench.bench.plan import Part, Side

Metric = Literal[
    "seconds",
    "cpu_share",
    "ms_per_step",
    "fastest_ms_per_step",
    "images_per_second",
    "gflop_per_second",
    "share_of_peak",
    "peak_memory_bytes",
    "speedup",
]

Case = tuple[Part, str, int, int]  # part, architecture, depth, batch size


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one side did in one round of one setting.

    Attributes:
        num_processes: Trials side by side.
        num_threads: Of each process.
        seconds: From the start of the first process to the end of the last.
        cpu_seconds: Processor time of all processes and threads.
        num_steps: Updates made by each process.
        num_images: Trained on by all processes together.
        flop_per_image: To train on one, see `training_flop_per_image`.
        fastest_step_seconds: As `Work` has it.
        peak_memory_bytes: Of the process that took most.
    """

    part: Part
    architecture: str
    depth: int
    batch_size: int
    side: Side
    num_processes: int
    num_threads: int
    round: int
    seconds: float
    cpu_seconds: float
    num_steps: int
    num_images: int
    flop_per_image: int
    fastest_step_seconds: float | None = None
    peak_memory_bytes: int

    @property
    def case(self) -> Case:
        """What the sides have in common."""
        return self.part, self.architecture, self.depth, self.batch_size

    @property
    def images_per_second(self) -> float:
        """Trained on by all processes together; a test counts as time alone."""
        return self.num_images / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A side that could not be measured; its later rounds were left out."""

    setting: str
    side: Side
    round: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number: a line of `bench.csv`, whose columns are these fields."""

    part: Part
    architecture: str
    depth: int
    batch_size: int
    side: Side
    num_processes: int
    num_threads: int
    round: int
    metric: Metric
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One metric of one side of one case over its rounds."""

    part: Part
    architecture: str
    depth: int
    batch_size: int
    side: Side
    metric: Metric
    median: float
    low: float
    high: float
    num_rounds: int

    @property
    def case(self) -> Case:
        """What the sides have in common."""
        return self.part, self.architecture, self.depth, self.batch_size


def rows(
    measurements: Sequence[Measurement], peak_gflop_per_second: float, device: str
) -> list[Row]:
    """Every metric of every measurement.

    `speedup` is the ratio of images a second to those of the baseline in the
    same round, so that a machine that slows down for a while slows both; there is
    none where the baseline was not measured. `seconds` is for whole trials, and
    `ms_per_step` for steps alone, and `fastest_ms_per_step` for the one of ours that
    other programs disturbed least; so is `cpu_share`, the part of its time in which the
    one thread had a core, which falls where other programs take it. The peak that is
    shared in is that of the threads at work.
    """
    baseline = {
        (each.case, each.round): each
        for each in measurements
        if each.side is Side.BASELINE
    }
    found = []
    for each in measurements:
        threads = each.num_processes * each.num_threads if device == "cpu" else 1
        rate = 1e-9 * each.images_per_second * each.flop_per_image
        values: dict[Metric, float] = {}
        if each.part == "trial":
            values["seconds"] = each.seconds
        elif each.part != "epoch":
            values["ms_per_step"] = 1e3 * each.seconds / each.num_steps
            if each.fastest_step_seconds is not None:
                values["fastest_ms_per_step"] = 1e3 * each.fastest_step_seconds
            if device == "cpu":
                values["cpu_share"] = each.cpu_seconds / each.seconds
        values["images_per_second"] = each.images_per_second
        values["gflop_per_second"] = rate
        values["share_of_peak"] = rate / (peak_gflop_per_second * threads)
        values["peak_memory_bytes"] = each.peak_memory_bytes
        theirs = baseline.get((each.case, each.round))
        if theirs is not None and each is not theirs:
            values["speedup"] = each.images_per_second / theirs.images_per_second
        found += [_row(each, metric, value) for metric, value in values.items()]
    return found


def _row(each: Measurement, metric: Metric, value: float) -> Row:
    shared = {
        field.name: getattr(each, field.name)
        for field in fields(Row)
        if field.name not in ("metric", "value")
    }
    return Row(**shared, metric=metric, value=value)


def summaries(table: Iterable[Row]) -> list[Summary]:
    """Median and range of each metric over the rounds, in the order of the rows."""
    groups: dict[tuple[*Case, Side, Metric], list[float]] = {}
    for row in table:
        key = (
            row.part,
            row.architecture,
            row.depth,
            row.batch_size,
            row.side,
            row.metric,
        )
        groups.setdefault(key, []).append(row.value)
    names = [field.name for field in fields(Summary)][:6]
    return [
        Summary(
            **dict(zip(names, key, strict=True)),  # type: ignore[arg-type]
            median=statistics.median(values),
            low=min(values),
            high=max(values),
            num_rounds=len(values),
        )
        for key, values in groups.items()
    ]


def metrics_of(
    found: Iterable[Summary], case: Case, side: Side
) -> dict[Metric, Summary]:
    """The summaries of one side of a case, by metric."""
    return {s.metric: s for s in found if (s.case, s.side) == (case, side)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearity:
    """Milliseconds a step takes for each layer, over a range of depths.

    Attributes:
        ms_per_layer: Of the fastest step of all rounds, by depth. Other programs only
            ever add to a time, and each depth has its own share of them.
        spread: Largest over smallest, less 1: 0 if time is linear in depth.
    """

    ms_per_layer: dict[int, float]
    spread: float


def linearity(
    found: Iterable[Summary], low: int = 30, high: int = 300
) -> Linearity | None:
    """How linear the time of a step is in depth; None for fewer than two depths."""
    by_depth = {
        one.depth: one.low / one.depth
        for one in found
        if (one.part, one.metric) == ("depth", "fastest_ms_per_step")
        and low <= one.depth <= high
    }
    if len(by_depth) < 2:
        return None
    spread = max(by_depth.values()) / min(by_depth.values()) - 1
    return Linearity(ms_per_layer=by_depth, spread=spread)
