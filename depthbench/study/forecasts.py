"""Forecasts of the cells of a study: asked for, and stored beside its trials."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthbench import runtime
from depthbench.spec import Cell, UsageError
from depthbench.store import write_atomic
from depthbench.study.architectures import Given
from depthbench.study.messages import say
from depthbench.study.prepare import Run, prepare

if TYPE_CHECKING:
    from depthbench.forecasting.limit import Forecast

FILE_NAME = "forecasts.json"


def forecast(
    arch: Given | Iterable[Given] = (),
    *,
    depths: tuple[int, int] | None = None,
    num_networks: int = 4,
    probe: bool = True,
    data_dir: str | Path | None = None,
    plugins: Iterable[str | Path] = (),
    **values: Any,
) -> "list[Forecast]":
    """How deep architectures will train, said before they are; `depthbench forecast`.

    Nothing is stored, and all is computed on the CPU.

    Args:
        arch: As `measure` takes it.
        depths: Smallest and largest depth to look at; None for the first of the
            architecture's grid and 300.
        num_networks: Untrained networks at each depth.
        probe: Whether to try the learning rate in short trainings, which take most of
            the time; without them a rate that is too large only once the network
            learns is not seen.
        data_dir: Where the data sets lie.
        plugins: Files that define further architectures.
        **values: Fields of `StudySpec`, as `data="mnist"` or `lr=0.01`.

    Raises:
        UsageError: If something asked for is not allowed or not there.
        DataError: If a data set cannot be had.
    """
    run = prepare(
        arch, data_dir=data_dir, plugins=plugins, **(values | {"device": "cpu"})
    )
    for cell in run.cells:
        _check_depths(cell, depths)
    # A protocol changes what follows the first epoch, and nothing that is looked at.
    cells = {(c.architecture, c.data, c.rate.name): c for c in run.cells}
    return [
        _forecast(run, cell, depths=depths, seeds=num_networks, probe=probe)
        for cell in cells.values()
    ]


def _check_depths(cell: Cell, depths: tuple[int, int] | None) -> None:
    if depths is None:
        return
    low, high = depths
    try:
        cell.grid.check(low), cell.grid.check(high)
    except ValueError as error:
        raise UsageError(f"{cell.architecture}: {error}") from error
    if low > high:
        raise UsageError(f"depths = {low}:{high}: LOW:HIGH with LOW <= HIGH")


def _forecast(run: Run, cell: Cell, **given: Any) -> "Forecast":
    from depthbench.datasets import DATASETS
    from depthbench.forecasting.predict import predict

    runtime.configure_process(num_threads=1)
    data = DATASETS[cell.data].load(run.data_dir)
    return predict(cell, run.registry[cell.architecture], data, **given)


def store_forecasts(run: Run) -> None:
    """Write the forecasts of a run's cells to its folder, unless they are there.

    Before the first trial, so that no forecast has seen a measurement. A network that
    cannot be looked at has none: its trials will say why.
    """
    path = run.folder / FILE_NAME
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = [cell for cell in run.cells if _key(cell) not in stored]
    for cell in missing:
        try:
            found = _forecast(run, cell)
        except Exception as error:  # in the user's own code, or no data here
            say(f"no forecast of {cell.architecture}: {error}")
            continue
        stored[_key(cell)] = as_json(found)
        write_atomic(path, json.dumps(stored, indent=1) + "\n")


def _key(cell: Cell) -> str:
    return " / ".join(cell.key)


def as_json(found: "Forecast") -> dict[str, Any]:
    """All that a forecast says; a number that JSON lacks is None."""
    cleaned: dict[str, Any] = _cleaned(asdict(found))
    return cleaned


def _cleaned(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
