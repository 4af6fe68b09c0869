"""Trials, epochs and depths as data frames; errors are fractions, times seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import pandas as pd

from depthbench.record import Environment, EpochRecord, TrialRecord
from depthbench.report.collect import study_result
from depthbench.report.columns import (
    DTYPES,
    EPOCH_COLUMNS,
    TRIAL_COLUMNS,
    Column,
)
from depthbench.report.depth_columns import COLUMNS
from depthbench.report.display import depth_columns, depth_rows
from depthbench.report.judged import JudgedTrial
from depthbench.report.rates import rate_groups
from depthbench.report.results import CellResult, StudyResult
from depthbench.spec import Cell, StudySpec
from depthbench.verdict import error_of

# All that may differ between two runs of one study on one machine.
VOLATILE_COLUMNS = (
    "seconds",
    "peak_memory_bytes",
    "finished_at",
    *(column.name for column in TRIAL_COLUMNS if column.name.startswith("env_")),
)


class Tables(NamedTuple):
    """What the CSV files hold."""

    trials: pd.DataFrame
    epochs: pd.DataFrame
    depths: pd.DataFrame


def build_tables(
    study: StudySpec, cells: Sequence[Cell], records: Iterable[TrialRecord]
) -> Tables:
    """The three tables of a study, rows by cell in the study's order, depth, seed.

    Two runs of one study give the same text in every column but `VOLATILE_COLUMNS`.
    """
    return tables_of(study_result(study, cells, records))


def tables_of(result: StudyResult) -> Tables:
    """The three tables of a study that is already sorted into cells.

    A trial that two protocols share has a row under each.
    """
    trials: list[dict[str, Any]] = []
    epochs: list[dict[str, Any]] = []
    for cell in result.cells:
        trials += [_trial_row(cell, trial) for trial in cell.trials]
        epochs += [row for trial in cell.trials for row in _epoch_rows(cell, trial)]
    depths = [
        {column.name: column.reader(row) for column in COLUMNS}
        for row in depth_rows(result)
    ]
    return Tables(
        _frame(trials, TRIAL_COLUMNS),
        _frame(epochs, EPOCH_COLUMNS),
        _frame(depths, depth_columns(has_rates=bool(rate_groups(result)))),
    )


def to_csv(table: pd.DataFrame) -> str:
    """The text of a CSV file, with Unix line ends on every system."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def _frame(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    return frame.astype({column.name: DTYPES[column.kind] for column in columns})


def _cell_columns(result: CellResult) -> dict[str, Any]:
    cell = result.cell
    return {
        "architecture": cell.architecture,
        "data": cell.data,
        "protocol": cell.protocol,
    }


def _trial_row(result: CellResult, trial: JudgedTrial) -> dict[str, Any]:
    record, spec = trial.record, trial.record.spec
    return (
        _cell_columns(result)
        | {
            "depth": spec.depth,
            "weight_layers": record.num_weight_layers or None,
            "seed": spec.seed,
            "lr": spec.lr,
            "initializer": spec.initializer,
            "device": spec.device,
            "kernels": spec.kernels,
            "outcome": str(trial.outcome),
        }
        | _final_errors(result.cell, trial)
        | {
            "first_nonfinite_step": record.first_nonfinite_step,
            "num_steps": record.num_steps,
            "num_epochs": len(record.epochs),
            "stopped_early": record.stopped_early or record.ended_by,
            "num_parameters": record.num_parameters or None,
            "seconds": record.seconds,
            "peak_memory_bytes": record.peak_memory_bytes,
            "trial": record.id,
            "data_sha256": record.data_sha256 or None,
            "message": record.message,
            "finished_at": record.finished_at or None,
        }
        | _environment(record)
    )


def _final_errors(cell: Cell, trial: JudgedTrial) -> dict[str, float]:
    """Empty unless the training ran to an end that has an error.

    `criterion_error` is the number the outcome rests on. The plain names are the last
    head's, on top of the whole trunk; `heads_mean_` is the same where there is
    one.
    """
    if not trial.has_final_error:
        return {}
    last = trial.record.epochs[-1]
    heads = {
        "train_error": last.train_error,
        "test_error": last.test_error,
        "test_batch_stats_error": last.test_error_batch_stats,
        "validation_error": last.validation_error,
    }
    of_last = {name: errors[-1] for name, errors in heads.items() if errors}
    of_mean = {
        f"heads_mean_{name}": sum(errors) / len(errors)
        for name, errors in heads.items()
        if errors
    }
    return {"criterion_error": error_of(last, cell.criterion)} | of_last | of_mean


def _environment(record: TrialRecord) -> dict[str, Any]:
    if record.environment is None:
        return {}
    return {
        f"env_{field.name}": getattr(record.environment, field.name)
        for field in fields(Environment)
    }


def _epoch_rows(result: CellResult, trial: JudgedTrial) -> list[dict[str, Any]]:
    identity = _cell_columns(result) | {
        "depth": trial.depth,
        "seed": trial.seed,
        "trial": trial.record.id,
        "outcome": str(trial.outcome),
    }
    return [
        identity | {"epoch": number} | row
        for number, epoch in enumerate(trial.record.epochs, start=1)
        for row in _head_rows(epoch)
    ]


def _head_rows(epoch: EpochRecord) -> list[dict[str, Any]]:
    values = {
        "train_loss": epoch.train_loss,
        "train_error": epoch.train_error,
        "test_loss": epoch.test_loss,
        "test_error": epoch.test_error,
        "test_batch_stats_error": epoch.test_error_batch_stats,
        "validation_loss": epoch.validation_loss,
        "validation_error": epoch.validation_error,
    }
    shared = {"num_heads": len(epoch.train_loss), "seconds": epoch.seconds}
    return [
        shared | {"head": at + 1} | {name: v[at] for name, v in values.items() if v}
        for at in range(len(epoch.train_loss))
    ]
