"""What a run would do and cost, without doing it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from depthbench.datasets.image_data import DataError
from depthbench.record import TrialRecord
from depthbench.report.words import count, duration
from depthbench.runtime import configure_process
from depthbench.spec import Cell, StudySpec, TrialSpec
from depthbench.study.cost import (
    Cost,
    Workload,
    cost_if,
    seconds_of,
    seconds_per_layer_epoch,
    wall_seconds,
    workload,
)
from depthbench.trial import TrialContext, time_layer_epoch
from depthbench.trial.failures import described

# Depth whose step is timed when no stored trial tells the speed.
_TIMED_DEPTH = 12


def show_plan(
    study: StudySpec,
    cells: Sequence[Cell],
    folder: Path,
    context: TrialContext,
    num_workers: int,
    as_json: bool,
) -> int:
    """Print, for each cell, the cost of the search for two answers it may find.

    One is the notebook's answer, or where there is none a limit of 48; the other is
    that every depth up to the cap trains. Returns the exit code.
    """
    from depthbench.store import read_records

    stored = list(read_records(folder).records.values()) if folder.exists() else []
    done = frozenset(record.id for record in stored if record.outcome.is_evidence)
    paces = _paces(cells, stored, context)

    def seconds(trials: Iterable[TrialSpec], num_cells: int = 1) -> float:
        is_limited = study.search == "posterior"
        at_once = num_cells * study.ahead if is_limited else num_workers
        each = (seconds_of(trial, paces[workload(trial)]) for trial in trials)
        return wall_seconds(each, min(num_workers, at_once))

    rows = []
    likely: dict[str, TrialSpec] = {}
    for cell in cells:
        limit, pace = _likely_limit(cell, study), paces[workload(cell.template)]
        ends = [limit]
        if study.search != "grid":  # which is the same whatever it finds
            ends.append(cell.grid.floor(study.cap))
        for assumed in dict.fromkeys(ends):
            cost = cost_if(cell, study, assumed, done, seconds_per_layer_epoch=pace)
            rows.append(_row(cell, assumed, cost, seconds(cost.trials)))
            if assumed == limit:
                likely |= {spec.id: spec for spec in cost.trials}
    total = {
        "num_trials": len(likely),
        "estimated_seconds": seconds(likely.values(), len(cells)),
        "num_workers": num_workers,
        "num_stored": len(done),
    }
    if as_json:
        plan = {"folder": str(folder), "plan": rows, "likely_total": total}
        click.echo(json.dumps(plan, indent=2))
        return 0
    for row in rows:
        is_grid = study.search == "grid"
        condition = "" if is_grid else f", if it trains up to {row['if_it_trains_to']}"
        click.echo(
            f"{row['architecture']} on {row['data']} ({_how(row)}){condition}: "
            f"{count(row['num_probes'], 'probe')}, "
            f"{count(row['num_trials'], 'trial')}, "
            f"{duration(row['estimated_seconds'])}"
        )
    click.echo(
        f"in all, if each does the first: {count(len(likely), 'trial')}, about "
        f"{duration(total['estimated_seconds'])} on {count(num_workers, 'worker')}; "
        f"{len(done)} are stored in {folder}"
    )
    return 0


def _row(cell: Cell, limit: int, cost: Cost, seconds: float) -> dict[str, Any]:
    return {
        "architecture": cell.architecture,
        "data": cell.data,
        "protocol": cell.protocol,
        "rate": cell.rate.name,
        "if_it_trains_to": limit,
        "num_probes": cost.num_probes,
        "num_trials": len(cost.trials),
        "estimated_seconds": seconds,
    }


def _how(row: dict[str, Any]) -> str:
    return ", ".join(filter(None, (row["protocol"], row["rate"])))


def _likely_limit(cell: Cell, study: StudySpec) -> int:
    limit = cell.reference[0] if cell.reference else 48
    return cell.grid.floor(min(limit, study.cap))


def _paces(
    cells: Sequence[Cell], stored: Sequence[TrialRecord], context: TrialContext
) -> dict[Workload | None, float]:
    """Seconds for one layer and epoch of each workload, stored or timed now."""
    paces = dict(seconds_per_layer_epoch(stored))
    configure_process(num_threads=1)
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
                raise click.ClickException(reason) from error
    return paces
