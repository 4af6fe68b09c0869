"""The means of a calibration as texts, and as a Markdown table."""

from collections.abc import Mapping
from typing import Any

from depthbench.calibration.document import totals_of
from depthbench.calibration.simulate import Method
from depthbench.calibration.summary import Total
from depthbench.report.markdown import markdown_table

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

_MARKDOWN_HEAD = (
    "truths (cells)",
    "RMSE: posterior",
    "at bisect's cost",
    "bisect",
    "coverage: posterior (worst cell)",
    "bisect (worst cell)",
    "cost: posterior",
    "bisect",
)


def total_cells(total: Total) -> tuple[str, ...]:
    """One text for each of `HEADINGS`."""
    return (
        f"{100 * total.bias:+.1f} %",
        _percent(total.rmse),
        f"{100 * total.missed:.0f} %",
        _percent(total.coverage),
        _percent(total.worst_coverage),
        f"{total.num_trials:.1f}",
        f"{total.cost:.1f}",
        "" if total.flagged is None else f"{100 * total.flagged:.0f} %",
    )


def calibration_markdown(document: Mapping[str, Any]) -> str:
    """One row a group of truths, from what `to_document` gives."""
    groups: dict[str, dict[Method, Total]] = {}
    for total in totals_of(document):
        groups.setdefault(total.group, {})[total.method] = total
    rows = []
    for group, found in groups.items():
        ours, theirs = found["posterior"], found["bisect"]
        cells = (
            f"{group} ({ours.num_cells})",
            _percent(ours.rmse),
            _percent(found["posterior_same_cost"].rmse),
            _percent(theirs.rmse),
            f"{_percent(ours.coverage)} ({_percent(ours.worst_coverage)})",
            f"{_percent(theirs.coverage)} ({_percent(theirs.worst_coverage)})",
            f"{ours.cost:.1f}",
            f"{theirs.cost:.1f}",
        )
        rows.append(cells)
    is_number = [place > 0 for place in range(len(_MARKDOWN_HEAD))]
    return markdown_table(_MARKDOWN_HEAD, is_number, rows)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"
