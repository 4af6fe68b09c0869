"""The table of trials; errors are fractions."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple

from depthbench.record import Environment, EpochRecord, TrialRecord
from depthbench.report.cell_columns import cell_columns, setting_columns
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import StudyResult
from depthbench.report.table import Column, Field, Table, Unit, shown
from depthbench.report.words import outcome_word
from depthbench.spec import Cell
from depthbench.verdict import error_of


class TrialRow(NamedTuple):
    """A trial in a cell; one that two protocols share has a row under each."""

    cell: Cell
    trial: JudgedTrial

    @property
    def record(self) -> TrialRecord:
        """What the trial recorded."""
        return self.trial.record

    @property
    def last(self) -> EpochRecord | None:
        """The epoch whose errors are the trial's; None if it has none."""
        return self.record.epochs[-1] if self.trial.has_final_error else None


# Of an epoch, where they are not named as in files.
_FIELDS = {
    "test_batch_stats_error": "test_error_batch_stats",
    "train_after_loss": "train_loss_after",
    "train_after_error": "train_error_after",
}


def heads_of(epoch: EpochRecord, name: str) -> tuple[float, ...] | None:
    """The loss or error of each head, by its name in files."""
    found: tuple[float, ...] | None = getattr(epoch, _FIELDS.get(name, name))
    return found


SEED = Column[Any](
    "seed",
    "count",
    "of the initial weights and of the data order",
    "trial.seed",
    "seed",
)
TRIAL = Column[Any](
    "trial", "text", "identity: hash of its settings", "trial.record.id", "trial"
)
OUTCOME = Column[Any](
    "outcome",
    "text",
    "how the trial ended, under this study's criterion",
    lambda row: str(row.trial.outcome),
    "outcome",
    lambda row: outcome_word(row.trial.outcome),
)


_ERRORS = {
    "train_error": "last epoch, training batches",
    "test_error": "after the last epoch, test set",
    "test_batch_stats_error": "test_error with BatchNorm on each batch's own "
    "statistics; empty without BatchNorm",
    "validation_error": "after the last epoch, training images held out; empty without",
    "train_after_error": "after the last epoch, all training images; empty without "
    "train_after",
}
_TITLES = {
    "train_error": "train error",
    "test_error": "test error",
    "validation_error": "validation error",
}


def _error(name: str, *, mean: bool) -> Callable[[TrialRow], float | None]:
    """After the last epoch: of the last head, or the mean over heads."""

    def read(row: TrialRow) -> float | None:
        errors = row.last and heads_of(row.last, name)
        if not errors:
            return None
        return sum(errors) / len(errors) if mean else errors[-1]

    return read


def _environment_column(name: str) -> Column[TrialRow]:
    units: dict[str, Unit] = {"num_threads": "count", "tf32": "flag"}
    meaning = f"environment: {name.replace('_', ' ')}"
    read = f"trial.record.environment.{name}"
    return Column(f"env_{name}", units.get(name, "text"), meaning, read)


def _remarks(row: TrialRow) -> str:
    record = row.record
    broke, rule = record.first_nonfinite_step, record.stopped_early or ""
    if record.ended_by:
        rule = f"ended at step {record.num_steps} by {record.ended_by}"
    elif record.was_stopped:
        rule = f"stopped at step {record.num_steps} by {rule}"
    not_finite = "" if broke is None else f"not finite from step {broke}"
    return "; ".join(filter(None, (not_finite, rule, record.message)))


TRIAL_COLUMNS: tuple[Column[TrialRow], ...] = (
    *cell_columns("cell"),
    Column(
        "depth", "k", "k, what the architecture's depth axis counts", "trial.depth", "k"
    ),
    Column(
        "weight_layers",
        "count",
        "convolution and linear layers to the last head",
        lambda row: row.record.num_weight_layers or None,
    ),
    SEED,
    Column(
        "lr",
        "",
        "learning rate",
        "trial.lr",
        "lr",
        lambda row: Field(f"{row.trial.lr:.4g}", row.trial.lr),
        left_out="same",
    ),
    *setting_columns("trial.record.spec"),
    OUTCOME,
    Column(
        "criterion_error",
        "fraction",
        "the error the outcome rests on",
        lambda row: error_of(row.last, row.cell.criterion) if row.last else None,
    ),
    *(
        Column(
            name,
            "fraction",
            f"{meaning}; of the last head",
            _error(name, mean=False),
            _TITLES.get(name, ""),
            left_out="empty",
        )
        for name, meaning in _ERRORS.items()
    ),
    *(
        Column(
            f"heads_mean_{name}",
            "fraction",
            f"{name}, mean over heads",
            _error(name, mean=True),
        )
        for name in _ERRORS
    ),
    Column(
        "first_nonfinite_step",
        "count",
        "first update, from 0, at which a loss or weight was NaN or infinite",
        "trial.record.first_nonfinite_step",
    ),
    Column("num_steps", "count", "updates made", "trial.record.num_steps"),
    Column(
        "num_epochs",
        "count",
        "epochs measured; a time limit may cut the last",
        lambda row: len(row.record.epochs),
        "epochs",
    ),
    Column(
        "stopped_early",
        "text",
        "what ended it before its last step",
        lambda row: row.record.stopped_early or row.record.ended_by,
    ),
    Column(
        "num_parameters",
        "count",
        "trainable parameters",
        lambda row: row.record.num_parameters or None,
    ),
    Column(
        "seconds",
        "seconds",
        "wall time without loading the data",
        "trial.record.seconds",
        "time",
    ),
    Column(
        "peak_memory_bytes",
        "bytes",
        "of the process, or of the GPU allocator",
        "trial.record.peak_memory_bytes",
    ),
    shown("remarks", "text", _remarks),
    TRIAL,
    Column(
        "data_sha256",
        "text",
        "of the decoded arrays",
        lambda row: row.record.data_sha256 or None,
    ),
    Column(
        "message",
        "text",
        "what went wrong in a failed measurement",
        "trial.record.message",
    ),
    Column("finished_at", "text", "UTC", lambda row: row.record.finished_at or None),
    *(_environment_column(field.name) for field in fields(Environment)),
)

# All that may differ between two runs of one study on one machine.
VOLATILE_COLUMNS = (
    "seconds",
    "peak_memory_bytes",
    "finished_at",
    *(column.name for column in TRIAL_COLUMNS if column.name.startswith("env_")),
)


def trials_table(result: StudyResult) -> Table[TrialRow]:
    """By cell in the study's order, depth, seed.

    Two runs of one study give the same text in every column but `VOLATILE_COLUMNS`.
    """
    rows = [TrialRow(each.cell, t) for each in result.cells for t in each.trials]
    return Table(TRIAL_COLUMNS, rows)
