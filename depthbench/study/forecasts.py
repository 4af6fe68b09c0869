"""Forecasts of the cells of a study: asked for, and stored beside its trials."""

import json
import math
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthbench import runtime
from depthbench.engine import OpenEngine
from depthbench.spec import Cell, ForecastDepth, TrialSpec, UsageError
from depthbench.store import write_atomic
from depthbench.study.architectures import Given
from depthbench.study.messages import say
from depthbench.study.prepare import Run, prepare
from depthbench.text import count

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
    cells = {_looked_at(cell): cell for cell in run.cells}
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


def with_forecasts(run: Run, engine: OpenEngine, begun: Iterable[TrialSpec]) -> Run:
    """The run, its cells with forecasts, which are stored in its folder in full.

    A cell that has trials gets none, so that no forecast has seen a measurement; nor
    does one whose rate differs between depths, or that asks about a single depth. A
    forecast that fails costs nothing but its time.

    Args:
        run: Before its first trial, or continued.
        engine: Whose workers make the forecasts.
        begun: Trials that are stored.
    """
    specs = tuple(begun)
    wanted = [cell for cell in run.cells if _wants_forecast(cell, specs)]
    if not wanted:
        return run
    unlike = {_looked_at(cell): cell for cell in wanted}
    say(f"forecasting {count(len(unlike), 'cell')}")
    futures = {each: engine.forecast(cell) for each, cell in unlike.items()}
    made = {each: _made(future) for each, future in futures.items()}
    found = {
        cell.key: forecast
        for cell in wanted
        if (forecast := made[_looked_at(cell)]) is not None
    }
    _store(run.folder / FILE_NAME, found)

    def with_found(cells: Iterable[Cell]) -> tuple[Cell, ...]:
        return tuple(
            replace(cell, forecast=_in_short(found[cell.key]))
            if cell.key in found
            else cell
            for cell in cells
        )

    return replace(
        run, cells=with_found(run.cells), shown_cells=with_found(run.shown_cells)
    )


def _wants_forecast(cell: Cell, begun: Iterable[TrialSpec]) -> bool:
    return (
        cell.forecast is None
        and cell.rate.is_fixed
        and cell.search.only_depth is None
        and not any(cell.owns(spec) for spec in begun)
    )


def _looked_at(cell: Cell) -> TrialSpec:
    """What the forecasts of two cells have in common if they are the same."""
    return replace(cell.template, train_mode="every_epoch")


def _made(future: "Future[Forecast]") -> "Forecast | None":
    try:
        return future.result()
    except Exception as error:  # in the user's own code; or its worker died
        say(f"no forecast: {error}; its search begins without one")
        return None


def _store(path: Path, found: "Mapping[tuple[str, ...], Forecast]") -> None:
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    stored |= {" / ".join(key): as_json(each) for key, each in found.items()}
    write_atomic(path, json.dumps(stored, indent=1) + "\n")


def _in_short(found: "Forecast") -> ForecastDepth:
    numbers = as_json(found)
    names = [field.name for field in fields(ForecastDepth)]
    return ForecastDepth(**{name: numbers[name] for name in names})


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
