"""What many simulated searches say of a method: one long table, and its means."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from depthbench.calibration.curves import Truth
from depthbench.calibration.simulate import METHODS, Answer
from depthbench.report.table import Column, Table, shown

MISS = 0.20  # relative error that counts as a miss
FLAGGED = 0.05  # p-value below which a curve is called non-monotone

_CURVE = ["k50", "width", "lapse", "shape"]
_MEANS = ["bias", "rmse", "missed", "coverage", "num_trials", "cost", "flagged"]
COLUMNS = [
    *("truth", "shape", "k50", "width", "lapse", "seed_share", "method"),
    *("num_searches", "bias", "rmse", "missed", "coverage", "half_width"),
    *("num_trials", "cost", "unanswered", "flagged"),
]


def summarize(truth: Truth, answers: Sequence[Answer]) -> pd.DataFrame:
    """One row per method that answered, with `COLUMNS`; shares are fractions.

    Of the truth: its name, shape, k50, width, lapse and seed_share, as it has them.

    Of the searches: bias, the mean relative error of k50, where one without an answer
    counts as off by all of it, -1; rmse, the root of the mean of its square; missed,
    the share off by more than `MISS`; coverage, the share of 90 % intervals that hold
    the true k50; half_width, the median of the intervals with both ends, in k50;
    num_trials, the mean trainings; cost, the mean layers trained, in k50; unanswered,
    the share without an answer; flagged, the share whose trials were called
    non-monotone, NaN if not tested.
    """
    found = pd.DataFrame(answers, columns=Answer._fields)
    numbers = ["k50", "low", "high", "p_value"]
    found[numbers] = found[numbers].astype(float)
    by_method = [found[found["method"] == method] for method in METHODS]
    rows = [_row(truth, mine) for mine in by_method if len(mine)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(truth: Truth, found: pd.DataFrame) -> dict[str, Any]:
    k50 = float(truth.k50)
    error = (found["k50"] / k50 - 1).fillna(-1.0)
    is_held = (found["low"].fillna(0) <= k50) & (found["high"].fillna(math.inf) >= k50)
    p_values = found["p_value"].dropna()
    return {
        "truth": truth.name,
        "shape": truth.shape,
        "k50": k50,
        "width": truth.width,
        "lapse": truth.lapse,
        "seed_share": truth.seed_share,
        "method": found["method"].iloc[0],
        "num_searches": len(found),
        "bias": error.mean(),
        "rmse": np.sqrt((error**2).mean()),
        "missed": (error.abs() > MISS).mean(),
        "coverage": is_held.mean(),
        "half_width": ((found["high"] - found["low"]) / 2).median() / k50,
        "num_trials": found["num_trials"].mean(),
        "cost": found["num_layers"].mean() / k50,
        "unanswered": found["k50"].isna().mean(),
        "flagged": (p_values < FLAGGED).mean(),
    }


def read_rows(path: Path) -> pd.DataFrame:
    """The rows of a `calibration.csv`.

    Raises:
        ValueError: If they are not of this version.
    """
    table = pd.read_csv(path)
    if list(table)[: len(COLUMNS)] != COLUMNS:
        raise ValueError(f"{path} is no calibration of this version; run it again")
    return table[COLUMNS]


def totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over the cells of a group, by group and method; their worst coverage.

    Groups are all synthetic truths, those of a shape, a width and a lapse, of
    independent trainings; then those of each share of a seed, all of the same curves,
    so that they can be compared.
    """
    independent = rows[rows["seed_share"] == 0]
    synthetic = independent[independent["shape"] != "recorded"]
    by_width = synthetic.sort_values("width", kind="stable")
    curves = rows[_CURVE].apply(tuple, axis="columns")
    shared = rows[curves.isin(curves[rows["seed_share"] > 0])]
    groups = [
        synthetic.assign(group="all synthetic"),
        independent.assign(group=independent["shape"]),
        by_width.assign(group=_named("width", by_width["width"])),
        synthetic.assign(group=_named("lapse", synthetic["lapse"])),
        shared.assign(group=_named("seed's share", shared["seed_share"])),
    ]
    table = pd.concat(groups, ignore_index=True)
    cells = table.groupby(["group", "method"], sort=False)
    worst = table.loc[cells["coverage"].idxmin()]
    # Not the mean of the groups itself, which rounds ties to another last digit.
    means = cells[_MEANS].agg(pd.Series.mean)
    means.insert(0, "num_cells", cells.size())
    means.insert(5, "worst_coverage", worst["coverage"].to_numpy())
    means.insert(6, "worst_cell", worst["truth"].to_numpy())
    return means.reset_index()


def _named(what: str, shares: pd.Series) -> list[str]:
    return [f"{what} {100 * share:.0f} %" for share in shares]


METHOD_NAMES = {
    "posterior": "posterior",
    "posterior_same_cost": "posterior, stopped at the cost of bisect",
    "bisect": "bisect, majority of 3",
}


def totals_table(means: pd.DataFrame) -> Table[Any]:
    """What `totals` gives, as people read it: a row a group and method."""
    return Table(_OF_METHOD, list(means.itertuples()))


_OF_METHOD: tuple[Column[Any], ...] = (
    shown("truths", "text", lambda row: row.group),
    shown("search", "text", lambda row: METHOD_NAMES[row.method]),
    shown("bias", "fraction", lambda row: f"{100 * row.bias:+.1f} %"),
    shown("RMSE", "fraction", lambda row: _percent(row.rmse)),
    shown("off by > 20 %", "fraction", lambda row: f"{100 * row.missed:.0f} %"),
    shown("coverage", "fraction", lambda row: _percent(row.coverage)),
    shown("worst cell", "fraction", lambda row: _percent(row.worst_coverage)),
    shown("trials", "count", lambda row: f"{row.num_trials:.1f}"),
    shown("cost, k50 layers", "", lambda row: f"{row.cost:.1f}"),
    shown(
        "flagged",
        "fraction",
        lambda row: "" if math.isnan(row.flagged) else f"{100 * row.flagged:.0f} %",
    ),
)


def calibration_markdown(means: pd.DataFrame) -> str:
    """One row per group of truths, of what `totals` gives."""
    groups = [group for _, group in means.groupby("group", sort=False)]
    return Table(_OF_GROUP, [each.set_index("method") for each in groups]).markdown()


def _coverage(group: pd.DataFrame, method: str) -> str:
    mean, worst = group["coverage"][method], group["worst_coverage"][method]
    return f"{_percent(mean)} ({_percent(worst)})"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


_OF_GROUP: tuple[Column[pd.DataFrame], ...] = (
    shown(
        "truths (cells)",
        "text",
        lambda g: f"{g['group'].iloc[0]} ({g['num_cells'].iloc[0]})",
    ),
    shown("RMSE: posterior", "fraction", lambda g: _percent(g["rmse"]["posterior"])),
    shown(
        "at bisect's cost",
        "fraction",
        lambda g: _percent(g["rmse"]["posterior_same_cost"]),
    ),
    shown("bisect", "fraction", lambda g: _percent(g["rmse"]["bisect"])),
    shown(
        "coverage: posterior (worst cell)",
        "fraction",
        lambda g: _coverage(g, "posterior"),
    ),
    shown("bisect (worst cell)", "fraction", lambda g: _coverage(g, "bisect")),
    shown("cost: posterior", "", lambda g: f"{g['cost']['posterior']:.1f}"),
    shown("bisect", "", lambda g: f"{g['cost']['bisect']:.1f}"),
)
