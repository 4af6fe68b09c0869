"""The speed-ups of a stored benchmark as a Markdown table."""

from collections.abc import Mapping
from typing import Any

from depthbench.bench.plan import Side
from depthbench.report.table import Column, Table, shown

Case = tuple[str, int]  # architecture, depth


def speed_markdown(document: Mapping[str, Any]) -> str:
    """One row a network, from what `document.to_document` gives.

    Steps are of one thread; the machine is all its cores, ours as one trial a core. Of
    a GPU, it is a whole trial.
    """
    found = {
        (s["part"], s["architecture"], s["depth"], s["side"], s["metric"]): s
        for s in document["summary"]
    }
    ours = Side.FUSED if document["without_fused"] is None else Side.REFERENCE
    part = "epoch" if document["device"] == "cpu" else "trial"

    def step(case: Case, side: Side, metric: str, form: str) -> str:
        return _median(found, "step", *case, side, metric, form)

    columns: tuple[Column[Case], ...] = (
        shown("network", "text", lambda case: " ".join(map(str, case))),
        shown(
            "baseline, ms a step",
            "",
            lambda case: step(case, Side.BASELINE, "ms_per_step", ".0f"),
        ),
        shown(
            "ours, ms a step", "", lambda case: step(case, ours, "ms_per_step", ".0f")
        ),
        shown("of peak", "", lambda case: step(case, ours, "share_of_peak", ".0%")),
        shown(
            "step, times as fast", "", lambda case: _range(found, "step", *case, ours)
        ),
        shown(
            "machine, times as fast", "", lambda case: _range(found, part, *case, ours)
        ),
    )
    return Table(columns, document["plan"]["cases"]).markdown()


def _median(found: Mapping[Any, Any], *key: Any) -> str:
    summary = found.get(key[:-1])
    return "" if summary is None else format(summary["median"], key[-1])


def _range(found: Mapping[Any, Any], *key: Any) -> str:
    s = found.get((*key, "speedup"))
    return "" if s is None else f"{s['median']:.1f} ({s['low']:.1f}-{s['high']:.1f})"
