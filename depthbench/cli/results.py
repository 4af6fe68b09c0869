"""The answer of a run, for a person or a program."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from depthbench.plan import CellPlan


def deepest_text(plan: CellPlan) -> str:
    """The deepest depth that trains, or the bound that is known: "≥ 768", "< 3"."""
    search = plan.search
    if search.is_witnessed:
        return str(search.trains)
    if not plan.is_done or search.unknown is not None:
        return f"≥ {search.trains}" if search.trains is not None else "?"
    return f"< {search.fails}" if search.trains is None else f"≥ {search.trains}"


def print_results(folder: Path, plans: Sequence[CellPlan], *, as_json: bool) -> None:
    """One line a cell on standard output, or one JSON document."""
    rows = [
        {
            "architecture": plan.cell.architecture,
            "data": plan.cell.data,
            "protocol": plan.cell.protocol,
            "deepest": deepest_text(plan),
            "trains": plan.search.trains,
            "fails": plan.search.fails,
            "no_verdict_at": plan.search.unknown,
            "num_probes": len(plan.probes),
        }
        for plan in plans
    ]
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "cells": rows}, indent=2))
        return
    for row, plan in zip(rows, plans, strict=True):
        click.echo(
            f"{row['architecture']} on {row['data']} ({row['protocol']}): "
            f"deepest k that trains: {row['deepest']}{_because(plan)}"
        )


def _because(plan: CellPlan) -> str:
    search = plan.search
    if search.unknown is not None:
        return f" (no verdict at {search.unknown}: a trial there could not be measured)"
    if search.is_witnessed:
        return f" ({search.fails} fails)"
    if search.fails is None:
        return " (the cap trains; no failure was seen)"
    return " (the shallowest network fails)"
