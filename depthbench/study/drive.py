"""The driver: keep the workers busy with what the plans of all cells want."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice

from depthbench import runtime
from depthbench.engine import Engine, TaskTimedOutError, WorkerDiedError
from depthbench.plan import CellPlan, plan_cell
from depthbench.record import Outcome, TrialRecord
from depthbench.spec import Cell, StudySpec, TrialSpec

# How often the driver looks whether it should stop.
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a study stands, after each record and whenever trials start.

    Attributes:
        plans: One a cell.
        running: Trials in flight.
        record: The one that just arrived; None when trials started.
        records: All records this study counts, by trial id.
    """

    plans: Sequence[CellPlan]
    running: Sequence[TrialSpec]
    record: TrialRecord | None
    records: dict[str, TrialRecord] = field(repr=False)


def run_study(
    study: StudySpec,
    cells: Sequence[Cell],
    stored: Iterable[TrialRecord],
    *,
    engine: Engine,
    keep: Callable[[TrialRecord], None],
    report: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> tuple[CellPlan, ...]:
    """Run every trial the searches ask for; return where they ended.

    Stored evidence is never trained again; failed measurements are tried again, once.
    Cells that share a trial share its record. Which trials are run depends on the
    study alone, not on their timing. On `should_stop` the trials in flight are given
    up; every record that had arrived went through `keep` first.
    """
    records = {record.id: record for record in stored if record.outcome.is_evidence}
    in_flight: dict[Future[list[TrialRecord]], tuple[TrialSpec, ...]] = {}
    plans = plan_all(cells, study, records.values())
    while not should_stop():
        running = {spec.id for spec in _trials(in_flight)}
        tasks = _tasks(_wanted(plans, running), engine.max_replicas)
        new = list(islice(tasks, engine.num_free(len(in_flight))))
        in_flight |= {engine.submit(specs): specs for specs in new}
        if not in_flight:
            break
        if new:
            report(Progress(plans, _trials(in_flight), None, records))
        done, _ = wait(in_flight, _POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            for record in _results(future, in_flight.pop(future)):
                keep(record)
                records[record.id] = record
                plans = plan_all(cells, study, records.values())
                report(Progress(plans, _trials(in_flight), record, records))
    return plans


def plan_all(
    cells: Sequence[Cell], study: StudySpec, records: Iterable[TrialRecord]
) -> tuple[CellPlan, ...]:
    """The plan of each cell, given the records of all."""
    known = tuple(records)
    return tuple(plan_cell(cell, study, known) for cell in cells)


def _wanted(plans: Sequence[CellPlan], running: set[str]) -> Iterator[TrialSpec]:
    """Trials to start, each once, those of earlier cells first."""
    seen = set(running)
    for plan in plans:
        for spec in plan.wanted:
            if spec.id not in seen:
                seen.add(spec.id)
                yield spec


def _tasks(
    wanted: Iterable[TrialSpec], max_replicas: int
) -> Iterator[tuple[TrialSpec, ...]]:
    """The same trials in the same order, neighbours that can be replicas together."""
    for kind, trials in groupby(wanted, lambda spec: replace(spec, seed=0, lr=0.0)):
        size = max_replicas if kind.knows_replicas else 1
        specs = tuple(trials)
        for start in range(0, len(specs), size):
            yield specs[start : start + size]


def _trials(
    in_flight: Mapping[Future[list[TrialRecord]], tuple[TrialSpec, ...]],
) -> tuple[TrialSpec, ...]:
    return tuple(chain.from_iterable(in_flight.values()))


def _results(
    future: Future[list[TrialRecord]], specs: tuple[TrialSpec, ...]
) -> list[TrialRecord]:
    try:
        return future.result()
    except WorkerDiedError as error:
        outcome, message = Outcome.CRASHED, str(error)
    except TaskTimedOutError as error:
        outcome, message = Outcome.TIMED_OUT, str(error)
    now = runtime.utc_now()
    return [
        TrialRecord(spec=spec, outcome=outcome, message=message, finished_at=now)
        for spec in specs
    ]
