"""The answer of a run, for a person or a program."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from depthbench.cli.messages import say
from depthbench.report.facts import shared_seeds_notes
from depthbench.report.fit import CurveFit
from depthbench.report.rate_section import rate_sentences
from depthbench.report.rates import RateGroup, rate_groups
from depthbench.report.results import CellResult, StudyResult
from depthbench.report.words import answer_sentence, deepest_text


def print_results(folder: Path, result: StudyResult, *, as_json: bool) -> None:
    """One line per cell on standard output, or one JSON document.

    What there is to know of trials that did end is said once, on standard error.
    """
    messages = [t.record.message for cell in result.cells for t in cell.evidence]
    for note in (*dict.fromkeys(filter(None, messages)), *shared_seeds_notes(result)):
        say(f"note: {note}")
    groups = rate_groups(result)
    if as_json:
        cells = [_row(cell) for cell in result.cells]
        document = {"folder": str(folder), "cells": cells}
        if groups:
            document["rates"] = [_rates(group) for group in groups]
        click.echo(json.dumps(document, indent=2))
        return
    for cell in result.cells:
        where = ", ".join(cell.cell.key[1:])
        click.echo(f"{cell.cell.architecture} ({where}) {answer_sentence(cell)}")
        for message in _failures(cell):
            click.echo(f"  {message}")
    for group in groups:
        for sentence in rate_sentences(group):
            click.echo(f"{group.key[0]} ({', '.join(group.key[1:])}): {sentence}")


def _rates(group: RateGroup) -> dict[str, object]:
    row: dict[str, object] = dict(
        zip(("architecture", "data", "protocol"), group.key, strict=True)
    )
    for name, at in (
        ("fixed", group.fixed),
        ("best", group.best),
        ("scaled", group.scaled),
    ):
        k50 = {"k50": asdict(at.k50)} if at and at.k50 else {}
        row[name] = at and at._asdict() | k50
    exponent = group.stable and asdict(group.stable.exponent.rounded())
    return row | {"exponent": exponent}


def _failures(result: CellResult) -> list[str]:
    """Why trials that the search asked for could not be measured, each reason once."""
    failed = {spec.id for spec in result.plan.not_measured}
    reasons = [t.record.message or "" for t in result.trials if t.record.id in failed]
    return list(dict.fromkeys(reasons))


def _fit(fit: CurveFit | None) -> dict[str, object]:
    if fit is None:
        return {}
    return {
        "k50": asdict(fit.k50),
        "k90": asdict(fit.k90),
        "monotonicity_p_value": fit.monotonicity_p_value,
    }


def _row(result: CellResult) -> dict[str, object]:
    return {
        "architecture": result.cell.architecture,
        "data": result.cell.data,
        "protocol": result.cell.protocol,
        "rate": result.cell.rate.name,
        "status": str(result.status),
        "deepest": deepest_text(result),
        "trains": result.trains,
        "fails": result.fails,
        **_fit(result.fit),
        "all_runs_train_to": result.all_runs_train_to,
        "no_run_trains_from": result.no_run_trains_from,
        "num_trials": len(result.evidence),
        "failure_causes": {str(cause): n for cause, n in result.failure_causes},
        "test_error": result.test_error,
        "messages": _failures(result),
    }
