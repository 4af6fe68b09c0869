"""From what was measured to one long table, ratios and medians: arithmetic alone."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

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

Case = tuple[Part, str, int, int]
_CASE = ["part", "architecture", "depth", "batch_size"]
COLUMNS = [*_CASE, "side", "num_processes", "num_threads", "round", "metric", "value"]


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


class Summary(NamedTuple):
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


def long_table(
    measurements: Sequence[Measurement], peak_gflop_per_second: float, device: str
) -> pd.DataFrame:
    """Every metric of every measurement, a row a number: the columns `COLUMNS`.

    `speedup` is the ratio of images a second to those of the baseline in the
    same round, so that a machine that slows down for a while slows both; there is
    none where the baseline was not measured. `seconds` is for whole trials, and
    `ms_per_step` for steps alone, and `fastest_ms_per_step` for the one of ours that
    other programs disturbed least; so is `cpu_share`, the part of its time in which the
    one thread had a core, which falls where other programs take it. The peak that is
    shared in is that of the threads at work.
    """
    names = [field.name for field in fields(Measurement)]
    found = pd.DataFrame([asdict(each) for each in measurements], columns=names)
    is_whole = found["part"] == "trial"
    is_steps = ~found["part"].isin(["epoch", "trial"])
    threads = found["num_processes"] * found["num_threads"] if device == "cpu" else 1
    speed = found["num_images"] / found["seconds"]
    rate = 1e-9 * speed * found["flop_per_image"]
    turn = [*_CASE, "round"]
    is_baseline = found["side"] == Side.BASELINE
    theirs = found[turn].merge(
        found.loc[is_baseline, turn].assign(speed=speed), how="left", on=turn
    )["speed"]
    fastest = found["fastest_step_seconds"].astype(float)
    values: dict[Metric, pd.Series] = {
        "seconds": found["seconds"].where(is_whole),
        "ms_per_step": (1e3 * found["seconds"] / found["num_steps"]).where(is_steps),
        "fastest_ms_per_step": (1e3 * fastest).where(is_steps),
        "cpu_share": (found["cpu_seconds"] / found["seconds"]).where(
            is_steps & (device == "cpu")
        ),
        "images_per_second": speed,
        "gflop_per_second": rate,
        "share_of_peak": rate / (peak_gflop_per_second * threads),
        "peak_memory_bytes": found["peak_memory_bytes"],
        "speedup": (speed / theirs).mask(is_baseline),
    }
    wide = pd.concat([found[COLUMNS[:-2]], pd.DataFrame(values)], axis=1)
    long = wide.reset_index().melt(
        ["index", *COLUMNS[:-2]], list(values), var_name="metric"
    )
    # In the order of measuring; what does not exist has no row.
    return long.dropna().sort_values("index", kind="stable")[COLUMNS]


def read_table(path: Path) -> pd.DataFrame:
    """A `bench.csv`.

    Raises:
        ValueError: If it has not the columns of this version.
    """
    found = pd.read_csv(path)
    if list(found)[: len(COLUMNS)] != COLUMNS:
        raise ValueError(f"{path} is no benchmark of this version; run it again")
    return found


def summaries(table: pd.DataFrame) -> list[Summary]:
    """Median and range of each metric over the rounds, in the order of the rows."""
    values = table.groupby([*_CASE, "side", "metric"], sort=False)["value"]
    found = values.agg(["median", "min", "max", "count"]).reset_index()
    found["side"] = found["side"].map(Side)
    return [Summary(*row) for row in found.itertuples(index=False, name=None)]


def our_side(table: pd.DataFrame) -> Side:
    """The side of depthbench's fastest kernels that were measured."""
    return Side.FUSED if Side.FUSED in set(table["side"]) else Side.REFERENCE


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
