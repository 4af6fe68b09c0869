"""The means of a calibration as texts, and as a Markdown table."""

from collections.abc import Iterable

from depthbench.calibration.simulate import Method
from depthbench.calibration.summary import Total
from depthbench.report.table import Column, Table, shown

Group = dict[Method, Total]

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
        _percent(total.rmse),
        f"{100 * total.missed:.0f} %",
        _percent(total.coverage),
        _percent(total.worst_coverage),
        f"{total.num_trials:.1f}",
        f"{total.cost:.1f}",
        "" if total.flagged is None else f"{100 * total.flagged:.0f} %",
    )


def calibration_markdown(totals: Iterable[Total]) -> str:
    """One row per group of truths."""
    groups: dict[str, Group] = {}
    for total in totals:
        groups.setdefault(total.group, {})[total.method] = total
    return Table(_COLUMNS, list(groups.values())).markdown()


def _coverage(group: Group, method: Method) -> str:
    total = group[method]
    return f"{_percent(total.coverage)} ({_percent(total.worst_coverage)})"


def _name(group: Group) -> str:
    ours = group["posterior"]
    return f"{ours.group} ({ours.num_cells})"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


_COLUMNS: tuple[Column[Group], ...] = (
    shown("truths (cells)", "text", _name),
    shown("RMSE: posterior", "fraction", lambda g: _percent(g["posterior"].rmse)),
    shown(
        "at bisect's cost",
        "fraction",
        lambda g: _percent(g["posterior_same_cost"].rmse),
    ),
    shown("bisect", "fraction", lambda g: _percent(g["bisect"].rmse)),
    shown(
        "coverage: posterior (worst cell)",
        "fraction",
        lambda g: _coverage(g, "posterior"),
    ),
    shown("bisect (worst cell)", "fraction", lambda g: _coverage(g, "bisect")),
    shown("cost: posterior", "", lambda g: f"{g['posterior'].cost:.1f}"),
    shown("bisect", "", lambda g: f"{g['bisect'].cost:.1f}"),
)
