"""The answer of a run, for a person or a program."""

import json
from pathlib import Path

import click

from depthbench.report.depth_columns import depths_table
from depthbench.report.facts import shared_seeds_notes
from depthbench.report.rate_tables import rates_table
from depthbench.report.rates import rate_groups, rate_sentences
from depthbench.report.results import CellResult, StudyResult
from depthbench.report.words import answer_sentence
from depthbench.study.messages import say


def print_results(folder: Path, result: StudyResult, *, as_json: bool) -> None:
    """One line per cell on standard output, or one JSON document.

    What there is to know of trials that did end is said once, on standard error.
    """
    messages = [t.record.message for cell in result.cells for t in cell.evidence]
    for note in (*dict.fromkeys(filter(None, messages)), *shared_seeds_notes(result)):
        say(f"note: {note}")
    if as_json:
        click.echo(json.dumps(_document(folder, result), indent=2))
        return
    for cell in result.cells:
        where = ", ".join(cell.cell.key[1:])
        click.echo(f"{cell.cell.architecture} ({where}) {answer_sentence(cell)}")
        for message in _failures(cell):
            click.echo(f"  {message}")
    for group in rate_groups(result):
        for sentence in rate_sentences(group):
            click.echo(f"{group.key[0]} ({', '.join(group.key[1:])}): {sentence}")


def _document(folder: Path, result: StudyResult) -> dict[str, object]:
    """The rows of depths.csv, with messages, and those of rates.csv."""
    rows = zip(depths_table(result).dicts, result.cells, strict=True)
    cells = [row | {"messages": _failures(cell)} for row, cell in rows]
    rates = {"rates": rates_table(result).dicts} if result.has_rates else {}
    return {"folder": str(folder), "cells": cells, **rates}


def _failures(result: CellResult) -> list[str]:
    """Why trials that the search asked for could not be measured, each reason once."""
    failed = {spec.id for spec in result.plan.not_measured}
    reasons = [t.record.message or "" for t in result.trials if t.record.id in failed]
    return list(dict.fromkeys(reasons))
