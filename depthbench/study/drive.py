"""The driver: keep the workers busy with what the plans of all cells want."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from itertools import islice

from depthbench import runtime
from depthbench.engine import Engine, TaskTimedOutError, WorkerDiedError
from depthbench.record import Outcome, TrialRecord
from depthbench.search import CellPlan, CellSearch
from depthbench.spec import Cell, TrialSpec

# How often the driver looks whether it should stop.
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a study stands, after each record and whenever trials start.

    Attributes:
        plans: One per cell.
        running: Trials in flight.
        record: The one that just arrived; None when trials started.
        records: All records this study counts, by trial id.
    """

    plans: Sequence[CellPlan]
    running: Sequence[TrialSpec]
    record: TrialRecord | None
    records: dict[str, TrialRecord] = field(repr=False)


def begin_searches(
    cells: Iterable[Cell], stored: Iterable[TrialRecord]
) -> tuple[CellSearch, ...]:
    """The search of each cell after what is stored.

    Stored evidence is never trained again; failed measurements are tried again, once.
    """
    evidence = [record for record in stored if record.outcome.is_evidence]
    return tuple(CellSearch.over(cell, evidence) for cell in cells)


def run_study(
    searches: Sequence[CellSearch],
    stored: Iterable[TrialRecord],
    *,
    engine: Engine,
    keep: Callable[[TrialRecord], None],
    report: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> tuple[CellPlan, ...]:
    """Run every trial the searches ask for; return where they ended.

    Cells that share a trial share its record. Which trials are run depends on the
    searches alone, not on their timing. On `should_stop` the trials in flight are given
    up; every record that had arrived went through `keep` first.

    Args:
        searches: As `begin_searches` returns them.
        stored: What they were begun with; the pace of its trials tells how long the
            rest will take.
        engine: What runs trials.
        keep: Called with every record, before anything else is done with it.
        report: Called whenever something happened.
        should_stop: Asked several times a second.
    """
    records = {record.id: record for record in stored if record.outcome.is_evidence}
    in_flight: dict[Future[TrialRecord], TrialSpec] = {}
    plans = tuple(search.plan for search in searches)
    while not should_stop():
        running = {spec.id for spec in in_flight.values()}
        num_free = engine.num_free(len(in_flight))
        new = list(islice(_wanted(plans, running), num_free))
        in_flight |= {engine.submit(spec): spec for spec in new}
        if not in_flight:
            break
        if new:
            report(Progress(plans, tuple(in_flight.values()), None, records))
        done, _ = wait(in_flight, _POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            record = _result(future, in_flight.pop(future))
            keep(record)
            records[record.id] = record
            searches = [search.observe(record) for search in searches]
            plans = tuple(search.plan for search in searches)
            report(Progress(plans, tuple(in_flight.values()), record, records))
    return plans


def _wanted(plans: Sequence[CellPlan], running: set[str]) -> Iterator[TrialSpec]:
    """Trials to start, each once, those of earlier cells first."""
    seen = set(running)
    for plan in plans:
        for spec in plan.wanted:
            if spec.id not in seen:
                seen.add(spec.id)
                yield spec


def _result(future: Future[TrialRecord], spec: TrialSpec) -> TrialRecord:
    try:
        return future.result()
    except WorkerDiedError as error:
        outcome, message = Outcome.CRASHED, str(error)
    except TaskTimedOutError as error:
        outcome, message = Outcome.TIMED_OUT, str(error)
    now = runtime.utc_now()
    return TrialRecord(spec=spec, outcome=outcome, message=message, finished_at=now)
