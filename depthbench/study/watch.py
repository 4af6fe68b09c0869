"""The progress of a run that another process makes, from its records alone."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from depthbench.record import TrialRecord
from depthbench.spec import UsageError, read_resolved
from depthbench.store import TRIALS_NAME, is_being_written, read_records
from depthbench.study.drive import Progress, begin_searches
from depthbench.study.progress import show_progress

_POLL_SECONDS = 1.0
# Of the latest trials it is told how many are trained at once.
_NUM_LATEST = 20


def watch(folder: Path, *, wait: Callable[[float], object]) -> bool:
    """Show the progress in a results folder until nobody writes there any more.

    Nothing is written or locked.

    Args:
        folder: Of the results.
        wait: Called with seconds between two looks.

    Returns:
        Whether its searches are over.

    Raises:
        UsageError: If it is no results folder.
        StoreError: If it cannot be read.
    """
    while not (folder / "study.toml").exists():
        if not is_being_written(folder):
            raise UsageError(f"{folder} is no results folder: it has no study.toml")
        wait(_POLL_SECONDS)
    trials = folder / TRIALS_NAME
    with show_progress(num_at_once(_evidence(folder))) as report:
        size = -1
        while True:
            # Asked first, so that nothing is stored after the last look.
            is_running = is_being_written(folder)
            if (now := trials.stat().st_size if trials.exists() else 0) != size:
                size, progress = now, _progress(folder)
                report(progress)
            if not is_running:
                return all(plan.is_done for plan in progress.plans)
            wait(_POLL_SECONDS)


def num_at_once(records: Sequence[TrialRecord]) -> int:
    """How many trials were trained at once, by their seconds and when they ended."""
    dated = (record for record in records if record.finished_at)
    latest = sorted(dated, key=lambda record: record.finished_at)[-_NUM_LATEST:]
    if len(latest) < 2:
        return 1
    first, *_, last = (datetime.fromisoformat(r.finished_at) for r in latest)
    span = (last - first).total_seconds()
    return max(1, round(sum(r.seconds for r in latest[1:]) / span)) if span else 1


def _evidence(folder: Path) -> list[TrialRecord]:
    records = read_records(folder).records.values()
    return [record for record in records if record.outcome.is_evidence]


def _progress(folder: Path) -> Progress:
    records = _evidence(folder)
    try:
        _, cells = read_resolved(folder / "study.toml")
    except ValueError as error:
        raise UsageError(f"{folder}: {error}") from error
    plans = tuple(search.plan for search in begin_searches(cells, records))
    ours = [r for r in records if any(cell.owns(r.spec) for cell in cells)]
    return Progress(
        plans=plans,
        # What is in training is known to the run alone; this is what it wants next.
        running=tuple(spec for plan in plans for spec in plan.wanted[: plan.at_once]),
        record=max(ours, key=lambda record: record.finished_at, default=None),
        records={record.id: record for record in records},
    )
