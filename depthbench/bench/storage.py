"""What stored trials cost as they grow: to store, read, plan on and report."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pandas as pd

from depthbench import runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.datasets import DATASETS
from depthbench.record import Chance, EpochRecord, Outcome, TrialRecord
from depthbench.report import read_result, write_report
from depthbench.report.table import Column, Table, shown
from depthbench.search import plan_cell
from depthbench.spec import Cell, StudySpec, TrialSpec, write_study
from depthbench.store import open_store, read_records
from depthbench.study.resolve import resolve_cells

COUNTS = (1_000, 10_000)
_WARM_UP = 16
COLUMNS = ["num_trials", "part", "seconds", "microseconds_per_trial"]

_ERRORS = (0.9, 0.3, 0.05)  # after each epoch of a training that succeeds
_STUCK = 0.9


def storage_rows(counts: Sequence[int]) -> pd.DataFrame:
    """Seconds of processor time for made-up trials; the columns are `COLUMNS`.

    The trials are those of a grid over the eight networks of the reference experiment,
    three epochs each, half of them successful. The parts are `append` (each durable
    before the next, as in a run), `read`, `plan` (what each cell still wants) and
    `report` (every table, figure and the page, read again).

    Args:
        counts: Of trials, one study each.
    """
    _rows(_WARM_UP)  # imports what is needed
    rows = [row for count in counts for row in _rows(count)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(count: int) -> list[tuple[int, str, float, float]]:
    with tempfile.TemporaryDirectory() as folder:
        return [
            (count, part, seconds, 1e6 * seconds / count)
            for part, seconds in _measured(Path(folder), count)
        ]


def storage_markdown(table: pd.DataFrame) -> str:
    """One row per part, a column for each number of trials."""
    wide = table.pivot_table("seconds", "part", "num_trials", sort=False)
    columns: list[Column[str]] = [shown("part", "text", str)]
    columns += [_seconds_column(wide[count]) for count in wide.columns]
    return Table(tuple(columns), list(wide.index)).markdown()


def _seconds_column(seconds: pd.Series) -> Column[str]:
    title = f"{seconds.name:,} trials"
    return shown(title, "", lambda part: f"{seconds[part]:.2f} s")


def _measured(folder: Path, count: int) -> Iterator[tuple[str, float]]:
    study, cells = _study(count)
    (folder / "study.toml").write_text(write_study(study, cells), encoding="utf-8")
    wanted = (spec for cell in cells for spec in plan_cell(cell, ()).wanted)
    records = [_record(spec) for spec in islice(wanted, count)]
    assert len(records) == count

    def append() -> None:
        with open_store(folder) as store:
            for record in records:
                store.append(record)

    def plan() -> None:
        for cell in cells:
            plan_cell(cell, records)

    yield "append", _seconds(append)
    yield "read", _seconds(lambda: read_records(folder))
    yield "plan", _seconds(plan)
    yield "report", _seconds(lambda: write_report(folder, read_result(folder)))


def _seconds(action: Callable[[], object]) -> float:
    start = runtime.cpu_seconds()
    action()
    return runtime.cpu_seconds() - start


def _study(count: int) -> tuple[StudySpec, tuple[Cell, ...]]:
    """A grid of at least so many trials."""
    names = tuple(stack.name for stack in NOTEBOOK_STACKS)
    depths = (3, 96)
    num_points = len(names) * (depths[1] // 3)
    study = StudySpec(
        name="storage",
        arch=names,
        protocol=("standard",),
        search="grid",
        depths=depths,
        seeds=-(-count // num_points),
        device="cpu",
    )
    return study, resolve_cells(study, ARCHITECTURES, DATASETS, device="cpu")


def _record(spec: TrialSpec) -> TrialRecord:
    source = runtime.generator(spec.seed, spec.depth, spec.architecture)
    trains = bool(source.initial_seed() % 2)
    errors = _ERRORS if trains else (_STUCK,) * len(_ERRORS)
    epochs = tuple(
        EpochRecord(
            train_loss=(2.5 * error,),
            train_error=(error,),
            test_loss=(2.5 * error,),
            test_error=(error,),
            test_error_batch_stats=None,
            seconds=1.0,
        )
        for error in errors
    )
    return TrialRecord(
        spec=spec,
        outcome=Outcome.TRAINED if trains else Outcome.STUCK,
        epochs=epochs,
        num_steps=705,
        num_weight_layers=spec.depth + 1,
        num_parameters=1_000 * spec.depth,
        num_classes=10,
        chance=Chance.even(10),
        seconds=3.0,
        finished_at="2026-01-01T00:00:00Z",
    )
