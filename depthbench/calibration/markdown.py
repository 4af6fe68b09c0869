"""The means of a calibration as a table: of text, and of Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from depthbench.calibration.document import totals_of
from depthbench.calibration.simulate import Method
from depthbench.calibration.summary import Total

METHOD_NAMES: dict[Method, str] = {
    "posterior": "posterior",
    "posterior_same_cost": "posterior, stopped at the cost of bisect",
    "bisect": "bisect, majority of 3",
}

HEADINGS = (
    "bias",
    "RMSE",
    "off by > 20 %",
    "coverage",
    "worst cell",
    "trials",
    "cost, k50 layers",
    "flagged",
)


def total_cells(total: Total) -> tuple[str, ...]:
    """One text for each of `HEADINGS`."""
    return (
        f"{100 * total.bias:+.1f} %",
        f"{100 * total.rmse:.1f} %",
        f"{100 * total.missed:.0f} %",
        f"{100 * total.coverage:.1f} %",
        f"{100 * total.worst_coverage:.0f} %",
        f"{total.num_trials:.1f}",
        f"{total.cost:.1f}",
        "" if total.flagged is None else f"{100 * total.flagged:.0f} %",
    )


def calibration_markdown(document: Mapping[str, Any]) -> str:
    """One row a group of truths and method, from what `to_document` gives."""
    found: Sequence[Total] = totals_of(document)
    head = ("truths", "search", *HEADINGS)
    lines = [f"| {' | '.join(head)} |", f"| --- | --- |{' ---: |' * len(HEADINGS)}"]
    for total in found:
        cells = (total.group, METHOD_NAMES[total.method], *total_cells(total))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
