"""The speed-ups of a stored benchmark as a Markdown table."""

from typing import Any

import pandas as pd

from depthbench.bench.measurement import Metric, our_side, summaries
from depthbench.bench.plan import Part, Side
from depthbench.report.table import Column, Table, shown


def speed_markdown(table: pd.DataFrame) -> str:
    """One row per network, from what `measurement.read_table` gives.

    Steps are of one thread; the machine is all its cores, ours as one trial per core,
    or a whole trial on a GPU.
    """
    ours = our_side(table)
    whole: Part = "epoch" if "epoch" in set(table["part"]) else "trial"
    found = summaries(table).set_index(["architecture", "depth"])

    def column(title: str, part: Part, side: Side, metric: Metric) -> Column[Any]:
        is_here = (found["part"] == part) & (found["side"] == side)
        values = found[is_here & (found["metric"] == metric)]
        return shown(
            title,
            "",
            lambda case: _text(values.loc[case]) if case in values.index else "",
        )

    columns: tuple[Column[Any], ...] = (
        shown("network", "text", lambda case: f"{case[0]} {case[1]}"),
        column("baseline, ms a step", "step", Side.BASELINE, "ms_per_step"),
        column("ours, ms a step", "step", ours, "ms_per_step"),
        column("of peak", "step", ours, "share_of_peak"),
        column("step, times as fast", "step", ours, "speedup"),
        column("machine, times as fast", whole, ours, "speedup"),
    )
    return Table(
        columns, list(found.index[found["part"] == "step"].unique())
    ).markdown()


def _text(one: pd.Series) -> str:
    match one["metric"]:
        case "ms_per_step":
            return f"{one['median']:.0f}"
        case "share_of_peak":
            return f"{one['median']:.0%}"
    return f"{one['median']:.1f} ({one['low']:.1f}-{one['high']:.1f})"
