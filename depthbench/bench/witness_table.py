"""The trainings of two implementations, and whether their shares of success differ."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import pandas as pd

from depthbench.calibration.frames import as_records
from depthbench.report.table import Column, Table, shown

Implementation = Literal["baseline", "depthbench"]
IMPLEMENTATIONS: tuple[Implementation, ...] = get_args(Implementation)


class WitnessTraining(NamedTuple):
    """One finished training: a line of `trainings.csv`, whose columns are these.

    Attributes:
        trained: Whether the smaller of train and test error, after the last epoch,
            is below the threshold of the reference criterion, 0.2.
        train_error: Of the last epoch, a fraction; None if the loss became NaN or
            infinite, which ends a training.
        test_error: The same.
        trial: Identity of the trial in depthbench.
        kernels: What computed the convolutions.
        device_name: Of the processor.
    """

    implementation: Implementation
    architecture: str
    data: str
    depth: int
    seed: int
    trained: bool
    train_error: float | None
    test_error: float | None
    trial: str
    kernels: str
    device_name: str
    torch: str
    git_commit: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other training."""
        return self.implementation, self.trial


def witness_rows(trainings: Iterable[WitnessTraining]) -> pd.DataFrame:
    """A row for each architecture, data set and depth, in order.

    Besides those, the columns are baseline_trained, the trainings that count as
    trained, of baseline_total; the same of depthbench; and fisher_p, how often shares
    at least as far apart come from one common chance to train (Fisher's exact test,
    two-sided); 1 where a side has no training.
    """
    table = pd.DataFrame(trainings, columns=WitnessTraining._fields)
    counts = []
    for name in IMPLEMENTATIONS:
        is_mine = table["implementation"] == name
        table[f"{name}_trained"] = is_mine & table["trained"].astype(bool)
        table[f"{name}_total"] = is_mine
        counts += [f"{name}_trained", f"{name}_total"]
    rows = table.groupby(["architecture", "data", "depth"])[counts].sum()
    rows["fisher_p"] = [fisher_p(*row) for row in rows.itertuples(index=False)]
    return rows.reset_index()


def fisher_p(first: int, num_first: int, second: int, num_second: int) -> float:
    """Two-sided p-value that `first` of `num_first` and `second` of `num_second` agree.

    Fisher's exact test: of all ways to share out the successes, those that are at
    most as likely as this one (Fisher, "Statistical methods for research workers",
    5th edition, 1934, section 21.02).
    """
    successes = first + second

    def ways(count: int) -> int:
        return math.comb(num_first, count) * math.comb(num_second, successes - count)

    each = [ways(count) for count in range(min(num_first, successes) + 1)]
    return sum(w for w in each if w <= ways(first)) / sum(each)


def witness_markdown(rows: pd.DataFrame) -> str:
    """What `witness_rows` gives, as people read it."""
    return Table(_SHOWN, list(rows.itertuples())).markdown()


_SHOWN: tuple[Column[Any], ...] = (
    shown("network", "text", lambda row: row.architecture),
    shown("data", "text", lambda row: row.data),
    shown("k", "k", lambda row: str(row.depth)),
    shown(
        "baseline trains",
        "count",
        lambda row: f"{row.baseline_trained} of {row.baseline_total}",
    ),
    shown(
        "depthbench trains",
        "count",
        lambda row: f"{row.depthbench_trained} of {row.depthbench_total}",
    ),
    shown("p", "fraction", lambda row: f"{row.fisher_p:.2f}"),
)


def read_trainings(path: Path) -> list[WitnessTraining]:
    """The trainings in a `trainings.csv`; nothing if there is no such file.

    Raises:
        ValueError: If its columns are not those of this version.
    """
    if not path.exists():
        return []
    # Hashes of digits alone are no numbers.
    texts = dict.fromkeys(["trial", "torch", "git_commit"], str)
    table = pd.read_csv(path, dtype=texts)
    if tuple(table) != WitnessTraining._fields:
        raise ValueError(
            f"{path} is no file of this version: its columns are "
            f"{', '.join(map(str, table))}; move it away"
        )
    return [WitnessTraining(**row) for row in as_records(table)]
