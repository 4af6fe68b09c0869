"""How well the pictured trainings ended, as a table."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

from depthbench.record import EpochRecord, TrialRecord
from depthbench.report.pictured import Pictured, pictured
from depthbench.report.results import StudyResult
from depthbench.report.table import NOTHING, Column, Table, shown
from depthbench.text import percent


def accuracies_table(result: StudyResult) -> Table[Pictured]:
    """A row for each network that the report pictures, in the study's order.

    Accuracies are of the last head, medians over the seeds. A training that diverged
    counts as no accuracy at all.
    """
    return Table(_COLUMNS, pictured(result))


def _records(one: Pictured) -> list[TrialRecord]:
    return [trial.record for trial in one.trials]


def _epochs(one: Pictured) -> str:
    numbers = [len(record.epochs) for record in _records(one)]
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _after_last(name: str) -> Callable[[Pictured], str]:
    def show(one: Pictured) -> str:
        last = [t.record.epochs[-1] if t.has_final_error else None for t in one.trials]
        return _median(last, lambda epoch: getattr(epoch, name))

    return show


def _after_first(one: Pictured) -> str:
    """On the images held out, else on the test images, after one epoch."""
    first = [
        record.epochs[0] if len(record.epochs) > (record.ended_by is not None) else None
        for record in _records(one)
    ]
    return _median(first, lambda epoch: epoch.validation_error or epoch.test_error)


def _median(
    epochs: Sequence[EpochRecord | None],
    errors_of: Callable[[EpochRecord], tuple[float, ...] | None],
) -> str:
    """The median accuracy of the last head; a dash where any is missing."""
    errors = [None if epoch is None else errors_of(epoch) for epoch in epochs]
    known = [1 - each[-1] for each in errors if each is not None]
    return percent(statistics.median(known)) if len(known) == len(errors) else NOTHING


_COLUMNS: tuple[Column[Pictured], ...] = (
    shown("network", "text", lambda one: one.label),
    shown(
        "weight layers", "count", lambda one: str(_records(one)[0].num_weight_layers)
    ),
    shown("parameters", "count", lambda one: f"{_records(one)[0].num_parameters:,}"),
    shown("epochs", "count", _epochs),
    shown("training", "fraction", _after_last("train_error")),
    replace(
        shown("training after", "fraction", _after_last("train_error_after")),
        left_out="empty",
    ),
    shown("validation", "fraction", _after_last("validation_error")),
    shown("test", "fraction", _after_last("test_error")),
    shown("after epoch 1", "fraction", _after_first),
    shown("trials", "count", lambda one: str(len(one.trials))),
)
