"""The trainings of two implementations, and whether their shares of success differ."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from depthbench.report.table import Column, Table, shown, table_of_fields

Implementation = Literal["baseline", "depthbench"]
IMPLEMENTATIONS: tuple[Implementation, ...] = get_args(Implementation)


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessTraining:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRow:
    """Both implementations at one depth: a line of `witness.csv`.

    Attributes:
        baseline_trained: Trainings that count as trained, of `baseline_total`.
        fisher_p: How often shares at least as far apart come from one common chance
            to train (Fisher's exact test, two-sided); 1 where a side has no training.
    """

    architecture: str
    data: str
    depth: int
    baseline_trained: int
    baseline_total: int
    depthbench_trained: int
    depthbench_total: int
    fisher_p: float


def witness_rows(trainings: Iterable[WitnessTraining]) -> list[WitnessRow]:
    """One row for each architecture, data set and depth, in order."""
    cells: dict[tuple[str, str, int], dict[Implementation, list[bool]]] = {}
    for each in trainings:
        cell = cells.setdefault((each.architecture, each.data, each.depth), {})
        cell.setdefault(each.implementation, []).append(each.trained)
    rows = []
    for (architecture, data, depth), cell in sorted(cells.items()):
        baseline, ours = (cell.get(name, []) for name in IMPLEMENTATIONS)
        row = WitnessRow(
            architecture=architecture,
            data=data,
            depth=depth,
            baseline_trained=sum(baseline),
            baseline_total=len(baseline),
            depthbench_trained=sum(ours),
            depthbench_total=len(ours),
            fisher_p=fisher_p(sum(baseline), len(baseline), sum(ours), len(ours)),
        )
        rows.append(row)
    return rows


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


def witness_table(rows: Sequence[WitnessRow]) -> Table[WitnessRow]:
    """The table in `witness.csv`."""
    return table_of_fields(WitnessRow, rows, _SHOWN)


_SHOWN: tuple[Column[WitnessRow], ...] = (
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
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        expected = [field.name for field in fields(WitnessTraining)]
        if reader.fieldnames != expected:
            raise ValueError(
                f"{path} is no file of this version: its columns are "
                f"{', '.join(reader.fieldnames or ())}; move it away"
            )
        return [_training(line) for line in reader]


def _training(line: dict[str, Any]) -> WitnessTraining:
    errors = {
        name: float(line[name]) if line[name] else None
        for name in ("train_error", "test_error")
    }
    return WitnessTraining(
        **line
        | errors
        | {
            "depth": int(line["depth"]),
            "seed": int(line["seed"]),
            "trained": line["trained"] == "True",
            "git_commit": line["git_commit"] or None,
        }
    )
