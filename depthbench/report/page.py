"""The report as one HTML file that needs nothing else: no network, no other file."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from depthbench import text
from depthbench.report import words
from depthbench.report.accuracies import accuracies_table
from depthbench.report.causes import cause_sentences
from depthbench.report.criteria import num_left_out
from depthbench.report.facts import (
    environments,
    measured_facts,
    missing_notes,
    outcome_glossary,
)
from depthbench.report.pictured import pictures_all_depths
from depthbench.report.rates import named_sentences
from depthbench.report.results import StudyResult
from depthbench.report.svg import PageFigures
from depthbench.report.table import Table
from depthbench.report.trial_columns import TrialRow
from depthbench.search import strategy_of

FIGURE_TITLES = {
    "depths": "Deepest depth that trains, for each architecture and protocol",
    "success": "Share of trainings that succeed against depth, with the fitted curve",
    "errors": "Test error against depth, one panel per cell, one point per trial",
    "curves": "Training loss and test error after each epoch, on both sides of the "
    "limit",
    "criteria": "k50 after each number of epochs, at several thresholds",
    "histories": "Training loss and accuracy against iterations",
    "filters": "Filters of the first layer after training, a grid per cell",
    "rates": "Learning rate against depth, one point per trial",
    "claims": "k50 and what the literature claims, one row per cell",
    "profiles": "Gradient and signal at each block, where it trains and where it fails",
}


def report_page(
    result: StudyResult, svgs: Mapping[str, bytes], tables: Mapping[str, Table[Any]]
) -> str:
    """The page; equal results and figures give equal text.

    Args:
        result: What to show.
        svgs: The bytes of those files of `FIGURE_TITLES` that the study has.
        tables: Those of the CSV files beside it, by name.
    """
    search = result.study.search_spec
    protocols = words.protocol_meanings(result)
    trials = tables["trials"]
    ids = [row.trial.row_id(row.cell.protocol) for row in trials.rows]
    tooltips = dict(zip(ids, map(_tooltip, trials.rows), strict=True))
    page_figures = PageFigures(tooltips)
    figures = {
        name: page_figures.add(svgs[name], f"figure-{name}", title)
        for name, title in FIGURE_TITLES.items()
        if name in svgs
    }
    return page_of(
        "page.html.j2",
        css=page_figures.css,
        figures=figures,
        accuracies=accuracies_table(result).display(),
        rates=tables["rates"].display() if result.has_rates else None,
        rate_sentences=named_sentences(result),
        study=result.study,
        overview=strategy_of(search).overview(search),
        only_depth=search.only_depth,
        pictures_all_depths=pictures_all_depths(result),
        num_architectures=len({cell.cell.architecture for cell in result.cells}),
        protocols=protocols if len(protocols) > 1 else {},
        threshold=text.short_percent(result.study.threshold),
        answers=_answers(result),
        notes=missing_notes(result),
        facts=measured_facts(result),
        table=tables["depths"].display(),
        statuses=[str(cell.status) for cell in result.cells],
        trials=trials.display(),
        trial_ids=_once(ids),
        glossary=outcome_glossary(result),
        causes=cause_sentences(result),
        environments=environments(result),
        dictionaries={name: table.columns for name, table in tables.items()},
        num_left_out=num_left_out(result),
    )


def page_of(template: str, *, css: str = "", **values: Any) -> str:
    """A template of this package with the styles and the script of all pages.

    Args:
        template: Its file.
        css: Further styles.
        **values: What it shows.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(_resource(template)).render(
        css=Markup(_resource("page.css")) + Markup(css),
        js=Markup(_resource("page.js")),
        **values,
    )


def _resource(name: str) -> str:
    return files("depthbench.report").joinpath(name).read_text(encoding="utf-8")


def _answers(result: StudyResult) -> list[dict[str, Any]]:
    """A sentence for each protocol, or one where they agree in every word."""
    has_protocols = len({cell.cell.protocol for cell in result.cells}) > 1
    has_data_sets = len({cell.cell.data for cell in result.cells}) > 1
    answers = []
    for cells in result.rows:
        first = cells[0].cell
        said: dict[str, list[str]] = {}
        for cell in cells:
            said.setdefault(words.answer_sentence(cell), []).append(cell.cell.protocol)
        answers.append(
            {
                "architecture": first.architecture,
                "data": first.data if has_data_sets else "",
                "rate": first.rate.name,
                "description": first.description,
                "sentences": [
                    (" and ".join(protocols) if has_protocols else "", sentence)
                    for sentence, protocols in said.items()
                ],
            }
        )
    return answers


def _once(names: Sequence[str]) -> list[str]:
    """Each name where it comes first, nothing where it comes again."""
    first = {name: place for place, name in reversed(list(enumerate(names)))}
    return [name if first[name] == at else "" for at, name in enumerate(names)]


def _tooltip(row: TrialRow) -> str:
    final = row.last and row.last.test_error
    error = f", test error {text.percent(final[-1])}" if final else ""
    outcome = words.outcome_word(row.trial.outcome)
    return f"k {row.trial.depth}, seed {row.trial.seed}: {outcome}{error}"
