"""How much a search will cost, before and while it runs. Estimates only."""

import heapq
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields

from depthbench.record import EpochRecord, Outcome, TrialRecord
from depthbench.search import CellPlan, CellSearch, strategy_of
from depthbench.spec import Cell, Rate, TrialSpec
from depthbench.verdict import outcome_under

# Of trials that take less, nobody waits for the end, and to expect it costs as much.
_QUICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a search takes: probes, and the trials that are not stored yet."""

    num_probes: int
    trials: tuple[TrialSpec, ...]


def cost_if(
    cell: Cell,
    limit: int,
    stored: frozenset[str],
    *,
    seconds_per_layer_epoch: float = 0.0,
) -> Cost:
    """The cost of a search if exactly the depths up to `limit` train.

    Trials whose id is in `stored` cost nothing. Failing ones count in full, although
    those that diverge end early. The pace matters to a search that has a budget of
    time.
    """
    search = CellSearch.over(cell, [])
    asked: list[TrialSpec] = []
    while wanted := search.plan.wanted:
        asked += wanted
        for spec in wanted:
            trained = spec.depth <= limit
            search = search.observe(_imagined(spec, trained, seconds_per_layer_epoch))
    new = tuple(spec for spec in asked if spec.id not in stored)
    return Cost(num_probes=len(search.plan.probes), trials=new)


# Architecture, hash of the file that defines it, data set and kernels.
Workload = tuple[str, str | None, str, str]


def workload(spec: TrialSpec) -> Workload:
    """What sets the seconds of a layer and epoch among the trials of one folder."""
    return spec.architecture, spec.plugin_sha256, spec.data, spec.kernels


def seconds_per_layer_epoch(
    records: Iterable[TrialRecord],
) -> Mapping[Workload | None, float]:
    """Measured seconds for one layer and epoch, by workload; None stands for all."""
    seconds: dict[Workload | None, float] = {}
    layer_epochs: dict[Workload | None, float] = {}
    for record in records:
        # The epoch in which a limit ended it may be short.
        whole = record.epochs[:-1] if record.ended_by else record.epochs
        if record.outcome.is_evidence and whole:
            spent = sum(epoch.seconds for epoch in whole)
            for key in (workload(record.spec), None):
                seconds[key] = seconds.get(key, 0.0) + spent
                work = record.spec.depth * len(whole)
                layer_epochs[key] = layer_epochs.get(key, 0.0) + work
    return {key: seconds[key] / layer_epochs[key] for key in seconds}


def seconds_of(spec: TrialSpec, pace: float) -> float:
    """What a trial takes, at so many seconds for one layer and epoch.

    A time limit is on training alone, so one that it ends takes a little longer.
    """
    limit = math.inf if spec.max_train_seconds is None else spec.max_train_seconds
    return min(pace * spec.depth * spec.epochs, limit)


def wall_seconds(trials: Iterable[float], num_workers: int) -> float:
    """Seconds until all trials are done, each beginning on the first free worker.

    A trial is never divided among workers, so one trial takes as long on ten of them.
    """
    free_at = [0.0] * num_workers
    for seconds in trials:
        heapq.heapreplace(free_at, free_at[0] + seconds)
    return max(free_at)


def eta_seconds(
    plans: Iterable[CellPlan],
    records: Collection[TrialRecord],
    num_workers: int,
) -> float | None:
    """Seconds until every search ends, as expected from the trials; None without any.

    Searches go on as their trials so far make likely, and trials take as long as those
    did for their depth, whole ones and failing ones apart.
    """
    paces = seconds_per_layer_epoch(records)
    if not paces:
        return None
    is_quick = sum(r.seconds for r in records) < _QUICK_SECONDS * len(records)
    # Cells that train alike share their trials; the longer search counts.
    work: dict[tuple[TrialSpec, Rate], float] = {}
    at_once: dict[tuple[TrialSpec, Rate], int] = {}
    for plan in plans:
        pace = paces.get(workload(plan.cell.template), paces[None])
        layer_epochs = plan.layer_epochs_left
        if not is_quick:
            share = _failed_share(plan.cell, records, pace)
            strategy = strategy_of(plan.cell.search)
            layer_epochs = strategy.expected_layer_epochs(plan, share)
        seconds = pace * layer_epochs
        trains = plan.cell.template, plan.cell.rate
        work[trains] = max(seconds, work.get(trains, 0.0))
        at_once[trains] = plan.at_once
    return sum(work.values()) / max(1, min(num_workers, sum(at_once.values())))


def _failed_share(cell: Cell, records: Iterable[TrialRecord], pace: float) -> float:
    """Part of a whole training that one which fails takes; 1 before any has."""
    shares = [
        record.seconds / (pace * record.spec.depth * record.spec.epochs)
        for record in records
        if record.outcome.is_evidence
        and cell.owns(record.spec)
        and outcome_under(record, cell.criterion) is not Outcome.TRAINED
    ]
    return round(sum(shares) / len(shares), 2) if shares else 1.0


def _imagined(spec: TrialSpec, trained: bool, pace: float) -> TrialRecord:
    error = (0.0 if trained else 1.0,)
    # Everything that any criterion may read.
    measured = [each.name for each in fields(EpochRecord) if each.name != "seconds"]
    epoch = EpochRecord(seconds=0.0, **dict.fromkeys(measured, error))
    outcome = Outcome.TRAINED if trained else Outcome.STUCK
    return TrialRecord(
        spec=spec,
        outcome=outcome,
        epochs=(epoch,) * spec.epochs,
        num_classes=10,
        seconds=seconds_of(spec, pace),
    )
