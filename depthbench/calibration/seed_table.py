"""The share of a seed in stored trials, cell by cell, as a table."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from depthbench.calibration.seed_share import (
    SHARES,
    Alike,
    alike,
    estimate,
    log_likelihood,
)
from depthbench.curves.grid import Floats
from depthbench.record import Outcome, TrialRecord, from_line
from depthbench.report.table import Column, Table, shown
from depthbench.spec import Criterion, TrialSpec
from depthbench.spec.trial import Seeding
from depthbench.verdict import outcome_under

ALL_CELLS = "all"

# What counted as trained in the studies whose bar was not the reference criterion's.
_CRITERIA = {
    "init-scale-depth": Criterion(threshold=0.85),
    "preresnet-depth": Criterion(threshold=0.7, source="validation"),
    "residual-cnn-depth": Criterion(threshold=0.85, source="test"),
}

_SEEDING_NAMES: dict[Seeding, str] = {
    "seed": "seed alone",
    "seed_and_depth": "seed and depth",
}


def read_seeded(paths: Iterable[Path]) -> pd.DataFrame:
    """The trials in some `trials.jsonl`: seeding, cell, depth, seed, trained.

    seeding is what their generators were derived from; cell, the architecture, data
    and recipe. A trial that several files have counts once, and so does one that was
    trained by fused and by reference kernels, which give nearly the same outcomes.

    Raises:
        ValueError: If a line of a file is no record, naming the file and the line; or
            if no trial says anything.
    """
    paths = list(paths)
    rows: dict[TrialSpec, tuple[Any, ...]] = {}
    for path in paths:
        criterion = _CRITERIA.get(path.stem, Criterion())
        for record in _records(path):
            outcome = outcome_under(record, criterion)
            spec = replace(record.spec, kernels="reference")
            if outcome.is_evidence:
                what = spec.seeding, _name(spec), spec.depth, spec.seed
                rows.setdefault(spec, (*what, outcome is Outcome.TRAINED))
    if not rows:
        raise ValueError(f"{', '.join(map(str, paths))}: no trial that was measured")
    columns = ["seeding", "cell", "depth", "seed", "trained"]
    return pd.DataFrame(rows.values(), columns=columns)


def seed_share_rows(trials: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell that can tell of its seeds, and one for all of a derivation.

    A cell says nothing if all of its trials ended alike, or no seed was tried twice.

    Besides the two of `read_seeded`, where the cell `all` is the sum over those above,
    the columns are num_trials, num_seeds; of `alike`, num_pairs, num_alike and
    alike_if_independent; and share_low, share and share_high, the likeliest share with
    its 90 % interval, fractions.
    """
    rows: list[dict[str, Any]] = []
    for seeding, derived in trials.groupby("seeding", sort=False):
        cells = {
            name: (mine, pairs)
            for name, mine in derived.groupby("cell", sort=False)
            if (pairs := alike(mine)).num_pairs and mine["trained"].nunique() == 2
        }
        together = np.zeros(len(SHARES))
        for name, (mine, pairs) in cells.items():
            likelihood = log_likelihood(mine)
            together += likelihood
            rows.append(_row(seeding, name, mine, pairs, likelihood))
        everything = derived[derived["cell"].isin(list(cells))]
        sums = pd.DataFrame(
            [pairs for _, pairs in cells.values()], columns=Alike._fields
        )
        pairs = Alike(*sums.sum())
        rows.append(_row(seeding, ALL_CELLS, everything, pairs, together))
    return pd.DataFrame(rows)


def _row(
    seeding: Any, cell: Any, trials: pd.DataFrame, pairs: Alike, likelihoods: Floats
) -> dict[str, Any]:
    found = estimate(likelihoods)
    return {
        "seeding": seeding,
        "cell": cell,
        "num_trials": len(trials),
        "num_seeds": trials["seed"].nunique(),
        "num_pairs": int(pairs.num_pairs),
        "num_alike": int(pairs.num_alike),
        "alike_if_independent": round(pairs.expected, 1),
        "share_low": round(found.low, 2),
        "share": round(found.share, 2),
        "share_high": round(found.high, 2),
    }


def seed_share_markdown(rows: pd.DataFrame) -> str:
    """What `seed_share_rows` gives, as people read it: without its single cells."""
    sums = rows[rows["cell"] == ALL_CELLS]
    return Table(_SHOWN, list(sums.itertuples())).markdown()


_SHOWN: tuple[Column[Any], ...] = (
    shown("generators derived from", "text", lambda row: _SEEDING_NAMES[row.seeding]),
    shown("trials", "count", lambda row: str(row.num_trials)),
    shown("pairs of depths", "count", lambda row: str(row.num_pairs)),
    shown("ended alike", "count", lambda row: str(row.num_alike)),
    shown("if independent", "count", lambda row: f"{row.alike_if_independent:.1f}"),
    shown(
        "share of the seed (90 %)",
        "fraction",
        lambda row: f"{row.share:.2f} ({row.share_low:.2f} to {row.share_high:.2f})",
    ),
)


def _records(path: Path) -> Iterable[TrialRecord]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield from_line(line)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error


def _name(spec: TrialSpec) -> str:
    """Architecture, data, rate, and what else is not at its default."""
    own = ("architecture", "data", "depth", "seed", "lr", "kernels", "seeding")
    more = [f"{k}={v}" for k, v in spec.non_defaults().items() if k not in own]
    return " ".join([spec.architecture, spec.data, f"lr={spec.lr:g}", *more])
