"""The speed-ups of a stored benchmark as a Markdown table."""

import pandas as pd

from depthbench.bench.measurement import Metric, Summary, our_side, summaries
from depthbench.bench.plan import Part, Side
from depthbench.report.table import Column, Table, shown

Case = tuple[str, int]  # architecture, depth


def speed_markdown(table: pd.DataFrame) -> str:
    """One row per network, from what `measurement.read_table` gives.

    Steps are of one thread; the machine is all its cores, ours as one trial per core,
    or a whole trial on a GPU.
    """
    found = {
        (s.part, (s.architecture, s.depth), s.side, s.metric): s
        for s in summaries(table)
    }
    ours = our_side(table)
    whole: Part = "epoch" if "epoch" in set(table["part"]) else "trial"

    def median(case: Case, side: Side, metric: Metric, form: str) -> str:
        summary = found.get(("step", case, side, metric))
        return "" if summary is None else format(summary.median, form)

    def speedup(case: Case, part: Part) -> str:
        return _range(found.get((part, case, ours, "speedup")))

    columns: tuple[Column[Case], ...] = (
        shown("network", "text", lambda case: f"{case[0]} {case[1]}"),
        shown(
            "baseline, ms a step",
            "",
            lambda case: median(case, Side.BASELINE, "ms_per_step", ".0f"),
        ),
        shown(
            "ours, ms a step", "", lambda case: median(case, ours, "ms_per_step", ".0f")
        ),
        shown("of peak", "", lambda case: median(case, ours, "share_of_peak", ".0%")),
        shown("step, times as fast", "", lambda case: speedup(case, "step")),
        shown("machine, times as fast", "", lambda case: speedup(case, whole)),
    )
    cases = dict.fromkeys(case for part, case, _, _ in found if part == "step")
    return Table(columns, list(cases)).markdown()


def _range(s: Summary | None) -> str:
    return "" if s is None else f"{s.median:.1f} ({s.low:.1f}-{s.high:.1f})"
