"""What a run would do and cost, for a person or a program."""

import json
from pathlib import Path

import click

from depthbench.search import strategy_of
from depthbench.study.dry_run import DryRun, SearchCost
from depthbench.text import count, duration


def print_plan(folder: Path, plan: DryRun, *, as_json: bool) -> None:
    """One line per search on standard output, and the total; or one JSON document."""
    if as_json:
        total = {
            "num_trials": plan.num_trials,
            "estimated_seconds": plan.seconds,
            "num_workers": plan.num_workers,
            "num_stored": plan.num_stored,
        }
        rows = [_row(each) for each in plan.searches]
        document = {"folder": str(folder), "plan": rows, "likely_total": total}
        click.echo(json.dumps(document, indent=2))
        return
    for each in plan.searches:
        cell = each.cell
        how = ", ".join(filter(None, (cell.protocol, cell.rate.name)))
        adapts = strategy_of(cell.search).adapts
        condition = f", if it trains up to {each.limit}" if adapts else ""
        click.echo(
            f"{cell.architecture} on {cell.data} ({how}){condition}: "
            f"{count(each.num_probes, 'probe')}, "
            f"{count(each.num_trials, 'trial')}, {duration(each.seconds)}"
        )
    click.echo(
        f"in all, if each does the first: {count(plan.num_trials, 'trial')}, about "
        f"{duration(plan.seconds)} on {count(plan.num_workers, 'worker')}; "
        f"{plan.num_stored} are stored in {folder}"
    )


def _row(search: SearchCost) -> dict[str, object]:
    return {
        "architecture": search.cell.architecture,
        "data": search.cell.data,
        "protocol": search.cell.protocol,
        "rate": search.cell.rate.name,
        "if_it_trains_to": search.limit,
        "num_probes": search.num_probes,
        "num_trials": search.num_trials,
        "estimated_seconds": search.seconds,
    }
