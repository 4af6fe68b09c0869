"""The page, the Markdown table, and writing all of it into a results folder."""

import csv
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.report.synthetic import World, cell, record_of, search
from html_page import Page
from places import GOLDEN, ROOT

from depthbench.record import Outcome, to_line
from depthbench.report import (
    ReportPaths,
    read_result,
    refresh_between_markers,
    study_markdown,
    study_result,
    write_report,
)
from depthbench.spec import StudySpec, write_study

HOSTILE = '<script>alert("x")</script>&|`_a_` $x^{$ id="y"'


def make_folder(folder: Path, name: str, *, world: World | None = None) -> StudySpec:
    study = StudySpec(
        name="made_up", arch=(name,), protocol=("standard", "notebook"), cap=24
    )
    cells = [
        cell(name, study=study, protocol=p, has_batchnorm=True, description=name)
        for p in study.protocol
    ]
    records = search(cells, lambda _: world or World(limit=10))
    folder.mkdir(exist_ok=True)
    (folder / "study.toml").write_text(write_study(study, cells), encoding="utf-8")
    lines = "".join(to_line(record) for record in records)
    (folder / "trials.jsonl").write_text(lines, encoding="utf-8")
    return study


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    folder = tmp_path_factory.mktemp("golden")
    for name in ("study.toml", "trials.jsonl"):
        shutil.copy(GOLDEN / name, folder)
    return write_report(folder)


@pytest.mark.slow
def test_every_file_is_written(golden: ReportPaths) -> None:
    tables = tuple(golden.tables.values())
    paths = (golden.page, *tables, *golden.figures)
    assert len(set(paths)) == 15
    assert all(path.stat().st_size > 100 for path in paths)
    for name in ("depths", "trials", "epochs"):
        path = golden.tables[name]
        assert path.read_bytes() == (GOLDEN / path.name).read_bytes()


@pytest.mark.slow
def test_rebuilding_gives_the_same_bytes(golden: ReportPaths) -> None:
    folder = golden.page.parent
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    write_report(folder)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["Haswell", "Prescott"])
def test_another_process_gives_the_same_bytes(
    golden: ReportPaths, tmp_path: Path, processor: str
) -> None:
    for name in ("study.toml", "trials.jsonl"):
        shutil.copy(GOLDEN / name, tmp_path)
    code = "import pathlib, depthbench.report as r; r.write_report(pathlib.Path('.'))"
    command = [sys.executable, "-c", code]
    # Sets of texts come in another order under another seed.
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    # Each processor's own kernels for matrices round differently.
    environment["OPENBLAS_CORETYPE"] = processor
    subprocess.run(command, check=True, cwd=tmp_path, env=environment)
    for path in (golden.page, *golden.figures):
        other = tmp_path / path.relative_to(golden.page.parent)
        assert other.read_bytes() == path.read_bytes()


def test_the_page_is_balanced_and_its_ids_are_unique(golden: ReportPaths) -> None:
    page = Page(golden.page.read_text(encoding="utf-8"))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids)) > 50
    assert page.tags.count("svg") == 5


def test_the_page_needs_nothing_else(golden: ReportPaths) -> None:
    text = golden.page.read_text(encoding="utf-8")
    page = Page(text)
    here = {f"#{name}" for name in page.ids}
    tables = {"depths.csv", "trials.csv", "epochs.csv", "criteria.csv"}
    beside = {*tables, "trials.jsonl", "study.toml"}
    assert set(page.links) - here == beside
    assert all((golden.page.parent / name).exists() for name in beside)
    assert all(url.startswith("#") for url in re.findall(r"url\(([^)]*)\)", text))
    assert "@import" not in text and "fetch(" not in text


def test_references_in_figures_stay_in_their_figure(golden: ReportPaths) -> None:
    text = golden.page.read_text(encoding="utf-8")
    used = set(re.findall(r"url\(#([^)]*)\)", text))
    assert used and used <= set(Page(text).ids)
    for scope, figure in enumerate(re.findall(r"<svg.*?</svg>", text, re.DOTALL), 1):
        own = re.findall(r'(?:url\(#|href="#)([^)"]*)', figure)
        assert all(name.startswith((f"g{scope}-", "t-")) for name in own)
    body = text[text.index("<body>") :]
    assert "<style" not in body  # a style in an SVG would apply to the whole page


def test_the_page_answers_in_plain_words(golden: ReportPaths) -> None:
    text = " ".join(
        " ".join(Page(golden.page.read_text(encoding="utf-8")).texts).split()
    )
    assert "How deep can each network be and still train?" in text
    assert "trains at depth 6 (7 weight layers) and fails at 9." in text
    assert "no answer, because of out of memory at 12." in text
    assert "is below 20 %." in text
    assert "confidence" not in text


@pytest.mark.slow
def test_hostile_names_are_text(tmp_path: Path) -> None:
    make_folder(tmp_path, HOSTILE)
    text = write_report(tmp_path).page.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert page.tags.count("script") == 1
    assert "<script>alert" not in text
    assert page.texts.count(HOSTILE) > 3
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.slow
def test_hostile_messages_are_text(tmp_path: Path) -> None:
    study = make_folder(tmp_path, "net")
    spec = cell("net", study=study, has_batchnorm=True).trial(24, 0)
    record = record_of(spec, Outcome.CRASHED, World(limit=10))
    bad = replace(record, message="</td><img src=http://x>\nsecond line")
    with (tmp_path / "trials.jsonl").open("a", encoding="utf-8") as file:
        file.write(to_line(bad))
    paths = write_report(tmp_path)
    page = Page(paths.page.read_text(encoding="utf-8"))
    assert page.open == [] and "img" not in page.tags
    with paths.tables["trials"].open(newline="", encoding="utf-8") as file:
        messages = [row["message"] for row in csv.DictReader(file)]
    assert bad.message in messages


@pytest.mark.slow
def test_notes_count_strangers_and_damage(tmp_path: Path) -> None:
    study = make_folder(tmp_path, "net")
    stranger = cell("other", study=study).trial(3, 0)
    record = record_of(stranger, Outcome.TRAINED, World(limit=10))
    with (tmp_path / "trials.jsonl").open("a", encoding="utf-8") as file:
        file.write(to_line(record) + "damaged\n" + '{"torn')
    text = write_report(tmp_path).page.read_text(encoding="utf-8")
    assert "1 trial in the results folder outside the cells of this study" in text
    assert "1 damaged line in the results folder" in text


@pytest.mark.slow
def test_a_complete_study_has_no_notes(tmp_path: Path) -> None:
    make_folder(tmp_path, "net")
    text = write_report(tmp_path).page.read_text(encoding="utf-8")
    assert 'role="note"' not in text


@pytest.mark.slow
def test_a_study_without_records(tmp_path: Path) -> None:
    make_folder(tmp_path, "net")
    (tmp_path / "trials.jsonl").unlink()
    text = write_report(tmp_path).page.read_text(encoding="utf-8")
    assert "2 cells of 2 not finished" in text
    assert Page(text).open == []


def test_markdown_has_a_row_for_each_network_its_protocols_side_by_side(
    golden: ReportPaths,
) -> None:
    text = study_markdown(read_result(golden.page.parent))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 2
    assert len({line.count(" | ") for line in lines}) == 1
    assert " | k50, standard | k50, notebook | trains / fails (sta" in lines[0]
    (row,) = [line for line in lines if line.startswith("| elu_bn |")]
    assert re.search(r" \| 63 \| 7\.\d \(\d\.\d to \d\.\d\) <sup>", row)
    assert " | 6 / 9 | slow 1, stuck 1 · diverged 1, slow 1 | 19 |" in row
    (row,) = [line for line in lines if line.startswith("| elu_multihead |")]
    assert row.count(", stopped | ") == 2 and row.count(" | ≥ ") == 2
    assert "that share a letter cannot be told apart" in text


def test_a_cell_that_is_not_finished_says_so_in_the_headline() -> None:
    study = StudySpec(name="x", arch=("a", "b"), protocol=("standard", "notebook"))
    cells = [
        cell(name, study=study, protocol=p) for name in "ab" for p in study.protocol
    ]
    records = search(cells[:2], lambda _: World(limit=10))
    text = study_markdown(study_result(study, cells, records))
    done, unfinished = text.splitlines()[2:4]
    assert done.startswith("| a | ") and "unfinished" not in done
    assert unfinished.startswith("| b | ")
    assert unfinished.count(" | unfinished") == 2
    assert "2 cells of 4 unfinished." in text
    # Trainings that the protocols share are counted once.
    assert done.endswith(f" | {len(records)} |")


def test_markdown_of_one_protocol_has_a_row_for_each_cell() -> None:
    study = StudySpec(name="x", arch=("a", "b"))
    cells = [cell(name, study=study) for name in "ab"]
    table = study_markdown(study_result(study, cells, [])).splitlines()
    assert len(table) == 2 + 2
    assert table[0].startswith("| architecture | deepest k | fails at |")


def test_markdown_escapes_what_would_break_the_table() -> None:
    study = StudySpec(name="x", arch=("x",))
    table = study_markdown(study_result(study, [cell("a|b\n*c* d_e", study=study)], []))
    assert table.splitlines()[2].startswith("| a\\|b \\*c\\* d_e | unfinished |")


def test_refresh_replaces_what_is_between_the_markers() -> None:
    start, end = "<!-- depthbench:t:start -->", "<!-- depthbench:t:end -->"
    text = f"before\n{start}\nold\n{end}\nafter {end[:-4]}"
    fresh = refresh_between_markers(text, "t", "| new |\n")
    assert fresh == f"before\n{start}\n\n| new |\n\n{end}\nafter {end[:-4]}"
    assert refresh_between_markers(fresh, "t", "| new |\n") == fresh


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "t:start --> must be there once, and is there 0 times"),
        ("<!-- depthbench:t:start -->", "t:end --> must be there once"),
        ("<!-- depthbench:t:start -->" * 2, "is there 2 times"),
        ("<!-- depthbench:t:end --><!-- depthbench:t:start -->", "must come after"),
    ],
)
def test_refresh_wants_both_markers(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        refresh_between_markers(text, "t", "")
