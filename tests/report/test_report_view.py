"""The page as a tool: links from points to trials, shared styles, the controls."""

import re
import shutil

import pytest
from html_page import Page
from places import GOLDEN

from depthbench.report import ReportPaths, read_result, write_report


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    folder = tmp_path_factory.mktemp("view")
    for name in ("study.toml", "trials.jsonl"):
        shutil.copy(GOLDEN / name, folder)
    return write_report(folder, has_pdf=True)


@pytest.mark.slow
def test_every_point_leads_to_the_row_of_its_trial(paths: ReportPaths) -> None:
    text = paths.page.read_text(encoding="utf-8")
    ids = Page(text).ids
    figure = text[text.index('aria-labelledby="figure-errors-title"') :]
    figure = figure[: figure.index("</svg>")]
    points = re.findall(r'<a href="#([^"]*)"><title>([^<]*)</title>', figure)
    result = read_result(paths.page.parent)
    trials = [(cell, trial) for cell in result.cells for trial in cell.trials]
    assert len(points) == len(trials)
    for (target, said), (cell, trial) in zip(points, trials, strict=True):
        assert target == trial.row_id(cell.cell.protocol) and target in ids
        assert said.startswith(f"k {trial.depth}, seed {trial.seed}: ")


def test_a_figure_of_its_own_leads_to_the_page_beside_it(paths: ReportPaths) -> None:
    (errors,) = [path for path in paths.figures if path.name == "errors.svg"]
    links = set(re.findall(r'xlink:href="([^"#]*)#t-', errors.read_text()))
    assert links == {"../report.html"}


def test_styles_of_figures_are_rules_of_the_page(paths: ReportPaths) -> None:
    text = paths.page.read_text(encoding="utf-8")
    figures = "".join(re.findall(r'<svg class="figure".*?</svg>', text, re.DOTALL))
    assert "style=" not in figures
    used = set(re.findall(r'class="(f\d+)"', figures))
    assert used and used == set(re.findall(r"^\.(f\d+)\{", text, re.MULTILINE))


def test_figures_are_written_as_pdf_on_request(paths: ReportPaths) -> None:
    written = [path for path in paths.figures if path.suffix == ".pdf"]
    assert len(written) == 5
    assert all(path.read_bytes().startswith(b"%PDF") for path in written)


def test_without_a_script_every_column_and_row_is_there(paths: ReportPaths) -> None:
    text = paths.page.read_text(encoding="utf-8")
    table = text[text.index('id="depths-table"') :]
    table = table[: table.index("</table>")]
    assert "hidden" not in table
    assert table.count("<tr data-status=") == 4
    assert re.search(r'<div class="controls" id="controls" hidden>', text)
