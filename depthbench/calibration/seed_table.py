"""The share of a seed in stored trials, cell by cell, as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from depthbench.calibration.seed_share import (
    SHARES,
    Alike,
    SeededTrial,
    alike,
    estimate,
    log_likelihood,
)
from depthbench.record import Outcome, TrialRecord, from_line
from depthbench.report.table import Column, Table, shown, table_of_fields
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedShareRow:
    """One cell, or all of one derivation: a line of `seed_share.csv`.

    Attributes:
        seeding: What the generators of these trials were derived from.
        cell: Architecture, data and recipe; `all` for the sum over the cells above.
        num_pairs: Two depths and a seed that was tried at both.
        num_alike: Those that ended alike at both.
        alike_if_independent: How many would on average, if the seed had no part in it.
        share_low: Of the 90 % interval of the share; a fraction.
        share: The likeliest.
        share_high: The other end.
    """

    seeding: Seeding
    cell: str
    num_trials: int
    num_seeds: int
    num_pairs: int
    num_alike: int
    alike_if_independent: float
    share_low: float
    share: float
    share_high: float


Cells = dict[tuple[Seeding, str], list[SeededTrial]]


def read_seeded(paths: Iterable[Path]) -> Cells:
    """The trials in some `trials.jsonl` by derivation and cell.

    A trial that several files have counts once, and so does one that was trained by
    fused and by reference kernels, which give nearly the same outcomes.

    Raises:
        ValueError: If a line of a file is no record, naming the file and the line.
    """
    cells: Cells = {}
    seen: set[TrialSpec] = set()
    for path in paths:
        criterion = _CRITERIA.get(path.stem, Criterion())
        for record in _records(path):
            outcome = outcome_under(record, criterion)
            spec = replace(record.spec, kernels="reference")
            if outcome.is_evidence and spec not in seen:
                seen.add(spec)
                trial = SeededTrial(spec.depth, spec.seed, outcome is Outcome.TRAINED)
                cells.setdefault((spec.seeding, _name(spec)), []).append(trial)
    return cells


def seed_share_rows(cells: Cells) -> list[SeedShareRow]:
    """A row for each cell that can tell of its seeds, and one for all of a derivation.

    A cell says nothing if all of its trials ended alike, or no seed was tried twice.
    """
    rows: list[SeedShareRow] = []
    for seeding in dict.fromkeys(seeding for seeding, _ in cells):
        mine = [
            (name, trials)
            for (derived, name), trials in cells.items()
            if derived == seeding and alike(trials).num_pairs
            if len({trial.trained for trial in trials}) == 2
        ]
        together = np.zeros(len(SHARES))
        for name, trials in mine:
            likelihood = log_likelihood(trials)
            together += likelihood
            num_seeds = len({trial.seed for trial in trials})
            size = len(trials), num_seeds
            rows.append(_row(seeding, name, size, alike(trials), likelihood))
        everything = [trial for _, trials in mine for trial in trials]
        size = len(everything), len({trial.seed for trial in everything})
        pairs = sum((alike(trials) for _, trials in mine), Alike(0, 0, 0.0))
        rows.append(_row(seeding, ALL_CELLS, size, pairs, together))
    return rows


def _row(
    seeding: Seeding,
    cell: str,
    size: tuple[int, int],
    pairs: Alike,
    log_likelihoods: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> SeedShareRow:
    found = estimate(log_likelihoods)
    return SeedShareRow(
        seeding=seeding,
        cell=cell,
        num_trials=size[0],
        num_seeds=size[1],
        num_pairs=pairs.num_pairs,
        num_alike=pairs.num_alike,
        alike_if_independent=round(pairs.expected, 1),
        share_low=round(found.low, 2),
        share=round(found.share, 2),
        share_high=round(found.high, 2),
    )


def seed_share_table(rows: Sequence[SeedShareRow]) -> Table[SeedShareRow]:
    """The table in `seed_share.csv`; people read it best without its single cells."""
    return table_of_fields(SeedShareRow, rows, _SHOWN)


_SHOWN: tuple[Column[SeedShareRow], ...] = (
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
