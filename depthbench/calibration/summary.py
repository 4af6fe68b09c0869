"""What many simulated searches say of a method."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from depthbench.calibration.curves import Curve, Truth
from depthbench.calibration.simulate import METHODS, Answer, Method

MISS = 0.20  # relative error that counts as a miss
FLAGGED = 0.05  # p-value below which a curve is called non-monotone


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one truth. Shares and relative numbers are fractions.

    Attributes:
        truth: Name of the truth.
        shape: Of a synthetic truth, or `recorded`.
        width: Of a synthetic truth, as the lapse.
        seed_share: The share of a training's luck that its seed has at every depth; 0
            where trainings are independent.
        bias: Mean relative error of k50; a search without an answer counts as
            one that is off by all of it, -1, here and below.
        rmse: Root of the mean squared relative error.
        missed: Share of searches off by more than `MISS`.
        coverage: Share of 90 % intervals that hold the true k50.
        half_width: Median half width of the intervals that have both ends, in k50.
        num_trials: Mean trainings of a search.
        cost: Mean layers trained, in k50.
        unanswered: Share of searches without an answer.
        flagged: Share whose trials were called non-monotone; None if not tested.
    """

    truth: str
    shape: str
    k50: float
    width: float | None
    lapse: float | None
    seed_share: float
    method: Method
    num_searches: int
    bias: float
    rmse: float
    missed: float
    coverage: float
    half_width: float | None
    num_trials: float
    cost: float
    unanswered: float
    flagged: float | None


def summarize(truth: Truth, answers: Sequence[Answer]) -> list[Row]:
    """One row per method that answered."""
    by_method = {
        method: [answer for answer in answers if answer.method == method]
        for method in METHODS
    }
    return [_row(truth, m, found) for m, found in by_method.items() if found]


def _row(truth: Truth, method: Method, answers: Sequence[Answer]) -> Row:
    error = np.array(
        [-1.0 if a.k50 is None else a.k50 / truth.k50 - 1 for a in answers]
    )
    widths = [
        (a.high - a.low) / 2
        for a in answers
        if a.low is not None and a.high is not None
    ]
    p_values = [a.p_value for a in answers if a.p_value is not None]
    curve = truth if isinstance(truth, Curve) else None
    return Row(
        truth=truth.name,
        shape=curve.shape if curve else "recorded",
        k50=truth.k50,
        width=curve.width if curve else None,
        lapse=curve.lapse if curve else None,
        seed_share=truth.seed_share,
        method=method,
        num_searches=len(answers),
        bias=float(error.mean()),
        rmse=float(np.sqrt((error**2).mean())),
        missed=float((abs(error) > MISS).mean()),
        coverage=_mean(a.covers(truth.k50) for a in answers),
        half_width=float(np.median(widths)) / truth.k50 if widths else None,
        num_trials=_mean(a.num_trials for a in answers),
        cost=_mean(a.num_layers for a in answers) / truth.k50,
        unanswered=_mean(a.k50 is None for a in answers),
        flagged=_mean(p < FLAGGED for p in p_values) if p_values else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Means over the cells of a group, and the worst coverage among them.

    Attributes:
        group: What the cells share.
        num_cells: In the group.
        worst_coverage: Of one cell.
        worst_cell: Its name.
    """

    group: str
    method: Method
    num_cells: int
    bias: float
    rmse: float
    missed: float
    coverage: float
    worst_coverage: float
    worst_cell: str
    num_trials: float
    cost: float
    flagged: float | None


def totals(rows: Sequence[Row]) -> list[Total]:
    """By shape, width and lapse, and of all synthetic cells; by method within each.

    These are of independent trainings. Groups by the share of a seed follow, each of
    the same curves, so that they can be compared.
    """
    independent = [row for row in rows if row.seed_share == 0]
    groups = {"all synthetic": [row for row in independent if row.shape != "recorded"]}
    for row in independent:
        groups.setdefault(row.shape, []).append(row)
    for row in sorted(groups["all synthetic"], key=lambda row: row.width or 0):
        groups.setdefault(f"width {100 * (row.width or 0):.0f} %", []).append(row)
    for row in groups["all synthetic"]:
        groups.setdefault(f"lapse {100 * (row.lapse or 0):.0f} %", []).append(row)
    groups |= _by_seed_share(rows)
    return [
        _total(group, method, found)
        for group, members in groups.items()
        for method in METHODS
        if (found := [row for row in members if row.method == method])
    ]


def _by_seed_share(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Groups of the curves that are tried at several shares of a seed."""
    shared = {(r.k50, r.width, r.lapse, r.shape) for r in rows if r.seed_share > 0}
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if (row.k50, row.width, row.lapse, row.shape) in shared:
            name = f"seed's share {100 * row.seed_share:.0f} %"
            groups.setdefault(name, []).append(row)
    return groups


def _total(group: str, method: Method, rows: Sequence[Row]) -> Total:
    worst = min(rows, key=lambda row: row.coverage)
    flagged = [row.flagged for row in rows if row.flagged is not None]
    return Total(
        group=group,
        method=method,
        num_cells=len(rows),
        bias=_mean(row.bias for row in rows),
        rmse=_mean(row.rmse for row in rows),
        missed=_mean(row.missed for row in rows),
        coverage=_mean(row.coverage for row in rows),
        worst_coverage=worst.coverage,
        worst_cell=worst.truth,
        num_trials=_mean(row.num_trials for row in rows),
        cost=_mean(row.cost for row in rows),
        flagged=_mean(flagged) if flagged else None,
    )


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
