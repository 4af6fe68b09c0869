"""What a run would train and how long it would take, without doing it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from depthbench.datasets.image_data import DataError
from depthbench.record import TrialRecord
from depthbench.search import plan_cell, strategy_of
from depthbench.spec import Cell, TrialSpec, UsageError
from depthbench.store import read_records
from depthbench.study.cost import (
    Workload,
    cost_if,
    seconds_of,
    seconds_per_layer_epoch,
    wall_seconds,
    workload,
)
from depthbench.study.prepare import Run, on_top_of
from depthbench.trial import TrialContext, time_layer_epoch
from depthbench.trial.failures import described

# Depth whose step is timed when no stored trial tells the speed.
_TIMED_DEPTH = 12
# How deep a cell is taken to train whose reference is unknown.
_TYPICAL_LIMIT = 48


@dataclass(frozen=True, slots=True)
class SearchCost:
    """The cost of one cell's search if it finds that exactly so deep nets train.

    Attributes:
        limit: The deepest depth that is taken to train.
        seconds: On all workers, as an estimate.
    """

    cell: Cell
    limit: int
    num_probes: int
    num_trials: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a run would cost.

    Attributes:
        searches: For each cell, of two answers that it may find: its reference, or
            where there is none a depth of 48; and that every depth up to the cap
            trains.
        num_trials: Of all cells, if each finds the first.
        seconds: The same, on all workers.
        num_stored: Trials in the folder that are evidence.
    """

    searches: tuple[SearchCost, ...]
    num_trials: int
    seconds: float
    num_workers: int
    num_stored: int


def dry_run(run: Run) -> DryRun:
    """What a run would cost; where no stored trial says how fast, a few steps are run.

    Raises:
        UsageError: If the folder holds another study, or a network cannot be trained.
        DataError: If a data set cannot be had.
        ClusterError: If a cluster cannot be reached.
    """
    folder = run.folder
    stored = list(read_records(folder).records.values()) if folder.exists() else []
    run = on_top_of(run, stored)
    num_workers = run.choice.num_workers(run.study.device)
    done = frozenset(record.id for record in stored if record.outcome.is_evidence)
    paces = _paces(run.cells, stored, run.context)

    def seconds(trials: Iterable[TrialSpec], cells: Iterable[Cell]) -> float:
        at_once = sum(plan_cell(cell, []).at_once for cell in cells)
        each = (seconds_of(trial, paces[workload(trial)]) for trial in trials)
        return wall_seconds(each, min(num_workers, at_once))

    searches: list[SearchCost] = []
    likely: dict[str, TrialSpec] = {}
    for cell in run.cells:
        pace = paces[workload(cell.template)]
        first, *others = _limits(cell)
        for limit in (first, *others):
            cost = cost_if(cell, limit, done, seconds_per_layer_epoch=pace)
            size = cost.num_probes, len(cost.trials), seconds(cost.trials, [cell])
            searches.append(SearchCost(cell, limit, *size))
            if limit == first:
                likely |= {spec.id: spec for spec in cost.trials}
    return DryRun(
        searches=tuple(searches),
        num_trials=len(likely),
        seconds=seconds(likely.values(), run.cells),
        num_workers=num_workers,
        num_stored=len(done),
    )


def _limits(cell: Cell) -> tuple[int, ...]:
    """Where the search may end; one end, if it costs the same whatever it finds."""
    limit = cell.reference[0] if cell.reference else _TYPICAL_LIMIT
    likely = cell.grid.floor(min(limit, cell.search.cap))
    if not strategy_of(cell.search).adapts:
        return (likely,)
    return tuple(dict.fromkeys((likely, cell.grid.floor(cell.search.cap))))


def _paces(
    cells: Sequence[Cell], stored: Sequence[TrialRecord], context: TrialContext
) -> dict[Workload | None, float]:
    """Seconds for one layer and epoch of each workload, stored or timed now."""
    paces = dict(seconds_per_layer_epoch(stored))
    for cell in cells:
        key = workload(cell.template)
        if key not in paces:
            spec = cell.trial(cell.grid.floor(_TIMED_DEPTH), seed=0)
            try:
                paces[key] = time_layer_epoch(spec, context)
            except DataError:
                raise
            except Exception as error:  # in the user's own code
                reason = f"{cell.architecture}, k={spec.depth}: {described(error)}"
                raise UsageError(reason) from error
    return paces
