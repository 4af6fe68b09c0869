"""The index over several studies, and what the literature claims beside them."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from html_page import Page
from places import GOLDEN

from depthbench.report import StudyResult, read_result, write_report
from depthbench.report.depth_columns import depths_table
from depthbench.report.figures.claims import claims_figure
from depthbench.report.index import study_folders, write_index
from depthbench.spec import Claim, read_resolved, write_study


def put_study(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("study.toml", "trials.jsonl"):
        shutil.copy(GOLDEN / name, folder)


def test_an_index_has_every_cell_of_every_study(tmp_path: Path) -> None:
    put_study(tmp_path / "one")
    put_study(tmp_path / "a & b")
    (tmp_path / "empty").mkdir()
    assert [folder.name for folder in study_folders(tmp_path)] == ["a & b", "one"]
    text = write_index(tmp_path).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.open
    num_cells = len(read_result(tmp_path / "one").cells)
    assert page.links.count("a%20%26%20b/report.html") == num_cells
    assert page.links.count("one/report.html") == num_cells
    assert text.count("<tr data-status=") == 2 * num_cells
    write_index(tmp_path)
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == text


def test_an_index_has_what_its_script_asks_for(tmp_path: Path) -> None:
    put_study(tmp_path / "one")
    page = Page(write_index(tmp_path).read_text(encoding="utf-8"))
    wanted = {"depths-table", "controls", "architecture", "status", "columns", "copy"}
    assert wanted <= set(page.ids)


def test_a_folder_without_studies_has_no_index(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"it has no study\.toml, nor has a folder"):
        write_index(tmp_path)


@pytest.fixture
def with_claims() -> StudyResult:
    result = read_result(GOLDEN)
    first, *others = result.cells
    claim = Claim(10_000, "on another task")
    claimed = replace(first, cell=replace(first.cell, claim=claim, source="a paper"))
    return replace(result, cells=(claimed, *others))


def test_claims_stand_beside_what_was_measured(with_claims: StudyResult) -> None:
    first, second, *_ = depths_table(with_claims).dicts
    assert (first["claim"], first["claim_conditions"]) == (10_000, "on another task")
    assert second["claim"] is None
    assert "claim" not in depths_table(read_result(GOLDEN)).dicts[0]


def test_claims_are_drawn_deepest_first(with_claims: StudyResult) -> None:
    (axes,) = claims_figure(with_claims).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == len(with_claims.cells)
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    medians = [
        line.get_xdata()[0] for line in sorted(dots, key=lambda d: d.get_ydata()[0])
    ]
    assert medians == sorted(medians, reverse=True)
    (diamond,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert diamond.get_xdata()[0] == 10_000 < axes.get_xlim()[1]


@pytest.mark.slow
def test_claims_are_stored_with_a_study_and_are_on_its_page(
    with_claims: StudyResult, tmp_path: Path
) -> None:
    put_study(tmp_path / "one")
    cells = [each.cell for each in with_claims.cells]
    (tmp_path / "one/study.toml").write_text(write_study(with_claims.study, cells))
    assert read_resolved(tmp_path / "one/study.toml")[1][0].claim == cells[0].claim
    paths = write_report(tmp_path / "one")
    assert "what the literature claims" in paths.page.read_text(encoding="utf-8")
    assert any(path.name == "claims.svg" for path in paths.figures)
