"""From what was measured to one long table, ratios and medians: arithmetic alone."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from depthbench.architectures.stack import Stack
from depthbench.bench.plan import Setting, Side

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

CASE = ["part", "architecture", "depth", "batch_size"]
_TURN = [*CASE, "side", "num_processes", "num_threads", "round"]
COLUMNS = [*_TURN, "metric", "value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one process did in one round.

    Attributes:
        began: On `runtime.monotonic_seconds`, which all processes share.
        ended: The same.
        cpu_seconds: Of processor time in between, over all threads.
        num_steps: Updates made.
        num_images: Trained on.
        fastest_step_seconds: Of a single step on a CPU, of the mean one on a GPU; None
            where steps were not timed one by one.
        peak_memory_bytes: Of the process with torch and data, or of a GPU's allocator.
    """

    began: float
    ended: float
    cpu_seconds: float
    num_steps: int
    num_images: int
    fastest_step_seconds: float | None = None
    peak_memory_bytes: int


def turn_of(setting: Setting, side: Side, number: int) -> dict[str, Any]:
    """What tells a turn from others, by the columns of a table."""
    num_processes, num_threads = setting.processes(side)
    return {
        "part": setting.part,
        "architecture": setting.spec.architecture,
        "depth": setting.spec.depth,
        "batch_size": setting.spec.batch_size,
        "side": side,
        "num_processes": num_processes,
        "num_threads": num_threads,
        "round": number,
    }


def training_flop_per_image(
    stack: Stack, depth: int, image_shape: tuple[int, int, int], num_classes: int
) -> int:
    """Floating-point operations to train on one image, a multiply-add as two.

    Convolutions and linear layers, forward, gradient of the weights and gradient of
    the input; the first convolution has no use for the last. Everything else (norm,
    activation, bias, update) is left out, and so are the zeros that pad an image, but
    for the products with them: this is the work that a dense convolution states.
    """
    in_channels, height, width = image_shape
    forward, first = 0, 0
    for number, out_channels in enumerate(stack.channels, start=1):
        for _ in range(depth // len(stack.channels)):
            convolution = 2 * 9 * in_channels * out_channels * height * width
            first = first or convolution
            forward += convolution
            in_channels = out_channels
        height, width = height // 2, width // 2
        if stack.multihead or number == len(stack.channels):
            forward += 2 * out_channels * height * width * num_classes
    return 3 * forward - first


def long_table(
    works: Sequence[dict[str, Any]], peak_gflop_per_second: float, device: str
) -> pd.DataFrame:
    """Every metric of every turn, a row a number: the columns `COLUMNS`.

    `speedup` is the ratio of images a second to those of the baseline in the
    same round, so that a machine that slows down for a while slows both; there is
    none where the baseline was not measured. `seconds` is for whole trials, and
    `ms_per_step` for steps alone, and `fastest_ms_per_step` for the one of ours that
    other programs disturbed least; so is `cpu_share`, the part of its time in which the
    one thread had a core, which falls where other programs take it. The peak that is
    shared in is that of the threads at work.

    Args:
        works: Of each process in each turn: that of `turn_of`, the fields of `Work`,
            and `flop_per_image`.
        peak_gflop_per_second: Of one thread on a CPU, of all of a GPU.
        device: `cpu` or `cuda`.
    """
    found = _turns(works)
    is_whole = found["part"] == "trial"
    is_steps = ~found["part"].isin(["epoch", "trial"])
    threads = found["num_processes"] * found["num_threads"] if device == "cpu" else 1
    speed = found["num_images"] / found["seconds"]
    rate = 1e-9 * speed * found["flop_per_image"]
    shared = [*CASE, "round"]
    is_baseline = found["side"] == Side.BASELINE
    theirs = found[shared].merge(
        found.loc[is_baseline, shared].assign(speed=speed), how="left", on=shared
    )["speed"]
    values: dict[Metric, pd.Series] = {
        "seconds": found["seconds"].where(is_whole),
        "ms_per_step": (1e3 * found["seconds"] / found["num_steps"]).where(is_steps),
        "fastest_ms_per_step": (1e3 * found["fastest_step_seconds"]).where(is_steps),
        "cpu_share": (found["cpu_seconds"] / found["seconds"]).where(
            is_steps & (device == "cpu")
        ),
        "images_per_second": speed,
        "gflop_per_second": rate,
        "share_of_peak": rate / (peak_gflop_per_second * threads),
        "peak_memory_bytes": found["peak_memory_bytes"],
        "speedup": (speed / theirs).mask(is_baseline),
    }
    wide = pd.concat([found[_TURN], pd.DataFrame(values)], axis=1)
    long = wide.reset_index().melt(["index", *_TURN], list(values), var_name="metric")
    # In the order of measuring; what does not exist has no row.
    return long.dropna().sort_values("index", kind="stable")[COLUMNS]


def _turns(works: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A row a turn: its processes together, from the first start to the last end."""
    names = [*_TURN, *(field.name for field in fields(Work)), "flop_per_image"]
    each = pd.DataFrame(works, columns=names).astype({"fastest_step_seconds": float})
    turns = each.groupby(_TURN, sort=False).agg(
        began=("began", "min"),
        ended=("ended", "max"),
        cpu_seconds=("cpu_seconds", "sum"),
        num_steps=("num_steps", "first"),
        num_images=("num_images", "sum"),
        flop_per_image=("flop_per_image", "first"),
        fastest_step_seconds=("fastest_step_seconds", "min"),
        peak_memory_bytes=("peak_memory_bytes", "max"),
    )
    return turns.assign(seconds=turns["ended"] - turns["began"]).reset_index()


def read_table(path: Path) -> pd.DataFrame:
    """A `bench.csv`.

    Raises:
        ValueError: If it has not the columns of this version.
    """
    found = pd.read_csv(path)
    if list(found)[: len(COLUMNS)] != COLUMNS:
        raise ValueError(f"{path} is no benchmark of this version; run it again")
    return found


def summaries(table: pd.DataFrame) -> pd.DataFrame:
    """Each metric of a side of a case over its rounds, in the order of the rows.

    The columns: `CASE`, side, metric; median, low and high; num_rounds.
    """
    values = table.groupby([*CASE, "side", "metric"], sort=False)["value"]
    names = {"min": "low", "max": "high", "count": "num_rounds"}
    found = values.agg(["median", "min", "max", "count"]).rename(columns=names)
    return found.reset_index()


def metric_of(found: pd.DataFrame, part: str, metric: Metric) -> pd.DataFrame:
    """The summaries of one metric in one part."""
    return found[(found["part"] == part) & (found["metric"] == metric)]


def our_side(table: pd.DataFrame) -> Side:
    """The side of depthbench's fastest kernels that were measured."""
    return Side.FUSED if Side.FUSED in set(table["side"]) else Side.REFERENCE


def ms_per_layer(found: pd.DataFrame) -> pd.Series:
    """Milliseconds of a step for each layer, by depth from 30 to 300.

    Constant if time is linear in depth. Of the fastest step of all rounds: other
    programs only ever add to a time, and each depth has its own share of them.
    """
    fastest = metric_of(found, "depth", "fastest_ms_per_step").set_index("depth")
    times = fastest["low"] / fastest.index
    return times[(times.index >= 30) & (times.index <= 300)]


def spread(times: pd.Series) -> float:
    """Largest over smallest, less 1."""
    return float(times.max() / times.min() - 1)
