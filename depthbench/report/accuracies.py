"""How well the pictured trainings ended, as a table."""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from depthbench.record import EpochRecord
from depthbench.report.display import NOTHING
from depthbench.report.pictured import Pictured, pictured
from depthbench.report.results import StudyResult
from depthbench.text import percent

HEADINGS = (
    "network",
    "weight layers",
    "parameters",
    "epochs",
    "training",
    "validation",
    "test",
    "after epoch 1",
    "trials",
)


class Accuracies(NamedTuple):
    """One row; accuracies are medians over the seeds, in percent, as text.

    Attributes:
        first: Of the images held out, or else of the test images, after one epoch.
    """

    label: str
    weight_layers: str
    parameters: str
    epochs: str
    training: str
    validation: str
    test: str
    first: str
    trials: str


def accuracies(result: StudyResult) -> list[Accuracies]:
    """A row for each network that the report pictures, in the study's order.

    Those of the last head. A training that diverged counts as no accuracy at all.
    """
    return [_row(one) for one in pictured(result)]


def _row(one: Pictured) -> Accuracies:
    records = [trial.record for trial in one.trials]
    last = [t.record.epochs[-1] if t.has_final_error else None for t in one.trials]
    first = [
        record.epochs[0] if len(record.epochs) > (record.ended_by is not None) else None
        for record in records
    ]
    return Accuracies(
        label=one.label,
        weight_layers=str(records[0].num_weight_layers),
        parameters=f"{records[0].num_parameters:,}",
        epochs=_span([len(record.epochs) for record in records]),
        training=_median(last, lambda epoch: epoch.train_error),
        validation=_median(last, lambda epoch: epoch.validation_error),
        test=_median(last, lambda epoch: epoch.test_error),
        first=_median(first, lambda epoch: epoch.validation_error or epoch.test_error),
        trials=str(len(records)),
    )


def _median(
    epochs: Sequence[EpochRecord | None],
    errors_of: Callable[[EpochRecord], tuple[float, ...] | None],
) -> str:
    """Of the accuracies of the last head; nothing where any of them is missing."""
    errors = [None if epoch is None else errors_of(epoch) for epoch in epochs]
    known = [1 - each[-1] for each in errors if each is not None]
    return percent(statistics.median(known)) if len(known) == len(errors) else NOTHING


def _span(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
