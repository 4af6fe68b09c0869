"""What a run would do and cost, without doing it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from depthbench.cli.progress import duration_text
from depthbench.estimate import cost_if, seconds_per_layer_epoch
from depthbench.record import TrialRecord
from depthbench.runtime import configure_process
from depthbench.spec import Cell, StudySpec
from depthbench.trial import TrialContext, time_layer_epoch

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
    rates = _rates(cells, stored, context)
    rows = [
        _row(cell, study, limit, stored, rates) | {"num_workers": num_workers}
        for cell in cells
        for limit in dict.fromkeys((_likely_limit(cell, study), study.cap))
    ]
    for row in rows:
        row["estimated_seconds"] = row.pop("seconds_on_one_worker") / num_workers
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "plan": rows}, indent=2))
        return 0
    click.echo(f"would write to {folder}; {len(stored)} trials are stored there")
    for row in rows:
        click.echo(
            f"{row['architecture']} on {row['data']} ({row['protocol']}), if it trains "
            f"up to {row['if_it_trains_to']}: {row['num_probes']} probes, "
            f"{row['num_trials']} trials to run, "
            f"about {duration_text(row['estimated_seconds'])} on {num_workers} workers"
        )
    return 0


def _row(
    cell: Cell,
    study: StudySpec,
    limit: int,
    stored: Sequence[TrialRecord],
    rates: Mapping[str, float],
) -> dict[str, Any]:
    ids = frozenset(record.id for record in stored if record.outcome.is_evidence)
    cost = cost_if(cell, study, limit, ids)
    return {
        "architecture": cell.architecture,
        "data": cell.data,
        "protocol": cell.protocol,
        "if_it_trains_to": cell.grid.floor(limit),
        "num_probes": cost.num_probes,
        "num_trials": cost.num_trials,
        "seconds_on_one_worker": cost.layer_epochs * rates[cell.architecture],
    }


def _likely_limit(cell: Cell, study: StudySpec) -> int:
    limit = cell.reference[0] if cell.reference else 48
    return min(max(limit, cell.grid.start), study.cap)


def _rates(
    cells: Sequence[Cell], stored: Sequence[TrialRecord], context: TrialContext
) -> dict[str, float]:
    """Seconds for one layer and epoch of each architecture, stored or timed now."""
    rates = dict(seconds_per_layer_epoch(stored))
    configure_process(num_threads=1)
    for cell in cells:
        if cell.architecture not in rates:
            spec = cell.trial(cell.grid.floor(_TIMED_DEPTH), seed=0)
            rates[cell.architecture] = time_layer_epoch(spec, context)
    return rates
