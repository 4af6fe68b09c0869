"""The table of epochs, and of tests within them; errors are fractions."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from depthbench.record import TrialRecord
from depthbench.report.cell_columns import cell_columns
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import StudyResult
from depthbench.report.table import Column, Table, Unit
from depthbench.report.trial_columns import OUTCOME, SEED, TRIAL, heads_of
from depthbench.spec import Cell


class EpochRow(NamedTuple):
    """One head after an epoch of a trial, or at a test before or within one.

    Attributes:
        epoch: From 1; None for such a test.
        head: From 1.
        values: Of each head, by their names in files.
        seconds: Of the epoch.
    """

    cell: Cell
    trial: JudgedTrial
    epoch: int | None
    num_steps: int
    head: int
    values: Mapping[str, tuple[float, ...] | None]
    seconds: float | None


_OF_HEADS: tuple[tuple[str, Unit, str], ...] = (
    ("train_loss", "nats", "mean over the epoch as it was trained"),
    ("train_error", "fraction", "the same, of the error"),
    ("test_loss", "nats", "after the epoch, evaluation mode"),
    ("test_error", "fraction", "the same, of the error"),
    ("test_batch_stats_error", "fraction", "as in trials.csv"),
    ("validation_loss", "nats", "after the epoch, images held out"),
    ("validation_error", "fraction", "the same, of the error"),
    ("train_after_loss", "nats", "after the epoch, all training images"),
    ("train_after_error", "fraction", "the same, of the error"),
)


def _of_head(name: str) -> Callable[[EpochRow], float | None]:
    def read(row: EpochRow) -> float | None:
        values = row.values.get(name)
        return values[row.head - 1] if values else None

    return read


EPOCH_COLUMNS: tuple[Column[EpochRow], ...] = (
    *cell_columns("cell"),
    Column("depth", "k", "k", "trial.depth"),
    SEED,
    TRIAL,
    OUTCOME,
    Column(
        "epoch",
        "count",
        "from 1; completed, or cut by a time limit; empty for a test before training "
        "or within an epoch",
    ),
    Column("num_steps", "count", "updates made by then"),
    Column("head", "count", "from 1; the last is on top of the whole trunk"),
    Column(
        "num_heads",
        "count",
        "heads of the network",
        lambda row: max(len(heads or ()) for heads in row.values.values()),
    ),
    *(Column(name, unit, meaning, _of_head(name)) for name, unit, meaning in _OF_HEADS),
    Column(
        "seconds",
        "seconds",
        "of the epoch, the same in the rows of all its heads",
    ),
)


def epochs_table(result: StudyResult) -> Table[EpochRow]:
    """In the order of the trials, and of the steps of each."""
    rows = [
        row
        for each in result.cells
        for trial in each.trials
        for row in sorted(_rows(each.cell, trial), key=lambda r: (r.num_steps, r.head))
    ]
    return Table(EPOCH_COLUMNS, rows)


def epoch_ends(record: TrialRecord) -> list[int]:
    """Steps of the training at the end of each epoch."""
    num_epochs = len(record.epochs)
    is_cut = record.was_stopped or record.first_nonfinite_step is not None
    begun = num_epochs + is_cut
    if record.num_train:
        each: float = math.ceil(record.num_train / record.spec.batch_size)
    else:
        # Exact unless it was cut: older records do not say how long an epoch was.
        each = record.num_steps / max(begun, 1)
    ends = (min(each * number, record.num_steps) for number in range(1, num_epochs + 1))
    return [round(end) for end in ends]


def _rows(cell: Cell, trial: JudgedTrial) -> Iterator[EpochRow]:
    record = trial.record
    for number, end in enumerate(epoch_ends(record), start=1):
        epoch = record.epochs[number - 1]
        values = {name: heads_of(epoch, name) for name, _, _ in _OF_HEADS}
        for head in range(1, len(epoch.train_loss) + 1):
            yield EpochRow(cell, trial, number, end, head, values, epoch.seconds)
    split = "validation" if record.spec.num_validation else "test"
    for num_steps, loss, error in record.tests:
        values = {f"{split}_loss": loss, f"{split}_error": error}
        for head in range(1, len(error) + 1):
            yield EpochRow(cell, trial, None, num_steps, head, values, None)
