"""The table of epochs; errors are fractions."""

from collections.abc import Callable
from typing import NamedTuple

from depthbench.record import EpochRecord
from depthbench.report.cell_columns import cell_columns
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import StudyResult
from depthbench.report.table import Column, Table, Unit
from depthbench.report.trial_columns import OUTCOME, SEED, TRIAL, heads_of
from depthbench.spec import Cell


class EpochRow(NamedTuple):
    """One head in one epoch of a trial; epochs and heads count from 1."""

    cell: Cell
    trial: JudgedTrial
    number: int
    epoch: EpochRecord
    head: int


_OF_HEADS: tuple[tuple[str, Unit, str], ...] = (
    ("train_loss", "nats", "mean over the epoch as it was trained"),
    ("train_error", "fraction", "the same, of the error"),
    ("test_loss", "nats", "after the epoch, evaluation mode"),
    ("test_error", "fraction", "the same, of the error"),
    ("test_batch_stats_error", "fraction", "as in trials.csv"),
    ("validation_loss", "nats", "after the epoch, images held out"),
    ("validation_error", "fraction", "the same, of the error"),
)


def _of_head(name: str) -> Callable[[EpochRow], float | None]:
    def read(row: EpochRow) -> float | None:
        values = heads_of(row.epoch, name)
        return values[row.head - 1] if values else None

    return read


EPOCH_COLUMNS: tuple[Column[EpochRow], ...] = (
    *cell_columns(lambda row: row.cell),
    Column("depth", "k", "k", "trial.depth"),
    SEED,
    TRIAL,
    OUTCOME,
    Column("epoch", "count", "from 1; completed, or cut by a time limit", "number"),
    Column("head", "count", "from 1; the last is on top of the whole trunk"),
    Column(
        "num_heads",
        "count",
        "heads of the network",
        lambda row: len(row.epoch.train_loss),
    ),
    *(Column(name, unit, meaning, _of_head(name)) for name, unit, meaning in _OF_HEADS),
    Column(
        "seconds",
        "seconds",
        "of the epoch, the same in the rows of all its heads",
        "epoch.seconds",
    ),
)


def epochs_table(result: StudyResult) -> Table[EpochRow]:
    """In the order of the trials."""
    rows = [
        EpochRow(each.cell, trial, number, epoch, head)
        for each in result.cells
        for trial in each.trials
        for number, epoch in enumerate(trial.record.epochs, start=1)
        for head in range(1, len(epoch.train_loss) + 1)
    ]
    return Table(EPOCH_COLUMNS, rows)
