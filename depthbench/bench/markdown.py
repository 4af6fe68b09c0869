"""The speed-ups of a stored benchmark as a Markdown table."""

from collections.abc import Mapping
from typing import Any

from depthbench.bench.plan import Side
from depthbench.report.markdown import markdown_table


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
    head = (
        "network",
        "baseline, ms a step",
        "ours, ms a step",
        "of peak",
        "step, times as fast",
        "machine, times as fast",
    )
    rows = []
    for architecture, depth in document["plan"]["cases"]:
        step = ("step", architecture, depth)
        part = "epoch" if document["device"] == "cpu" else "trial"
        whole = (part, architecture, depth)
        cells = (
            f"{architecture} {depth}",
            _median(found, *step, Side.BASELINE, "ms_per_step", ".0f"),
            _median(found, *step, ours, "ms_per_step", ".0f"),
            _median(found, *step, ours, "share_of_peak", ".0%"),
            _range(found, *step, ours),
            _range(found, *whole, ours),
        )
        rows.append(cells)
    return markdown_table(head, [place > 0 for place in range(len(head))], rows)


def _median(found: Mapping[Any, Any], *key: Any) -> str:
    summary = found.get(key[:-1])
    return "" if summary is None else format(summary["median"], key[-1])


def _range(found: Mapping[Any, Any], *key: Any) -> str:
    s = found.get((*key, "speedup"))
    return "" if s is None else f"{s['median']:.1f} ({s['low']:.1f}-{s['high']:.1f})"
