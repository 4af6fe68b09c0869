"""Which cells cannot be told apart, and the letters that say so."""

import csv
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from fixtures.report.synthetic import World, cell, search
from hypothesis import given, settings
from hypothesis import strategies as st

from depthbench.record import to_line
from depthbench.report import study_markdown, study_result, write_report
from depthbench.report.comparison import Side, compare
from depthbench.report.results import StudyResult
from depthbench.report.ties import letters_of, ties
from depthbench.spec import StudySpec, write_study

STUDY = StudySpec(name="made_up", arch=("a", "b", "c", "d"), seeds=5, cap=192)
LIMITS = {"a": 6, "b": 90, "c": 95, "d": 100}
NOTE = "The intervals are too narrow: trials with one seed at different depths"


def result_of(study: StudySpec = STUDY, **changes: object) -> StudyResult:
    cells = [
        cell(name, study=study, protocol=p, has_batchnorm=True)
        for name in study.arch
        for p in study.protocol
    ]
    changed = [replace(c, template=replace(c.template, **changes)) for c in cells]
    worlds = {name: World(limit, 0.3) for name, limit in LIMITS.items()}
    records = search(changed, lambda one: worlds[one.architecture])
    return study_result(study, changed, records)


@pytest.mark.slow
def test_cells_tie_unless_compare_tells_them_apart() -> None:
    result = result_of()
    found = ties(result.cells)
    for one, other in combinations(result.cells, 2):
        between = compare(Side(result, one), Side(result, other))
        assert between is not None
        apart = between.is_worse() or between.is_better
        name = f"{other.cell.architecture}@standard"
        assert (name in found[one.cell.key].cells) is not apart
    assert found["a", "mnist", "standard"].cells == ()
    assert found["b", "mnist", "standard"].cells != ()


def test_data_sets_are_not_compared() -> None:
    one = cell("a", study=STUDY)
    other = replace(one, template=replace(one.template, data="other"))
    records = search([one, other], lambda _: World(12))
    found = ties(study_result(STUDY, [one, other], records).cells)
    assert [each.cells for each in found.values()] == [(), ()]


def test_a_cell_without_a_trial_ties_with_nothing() -> None:
    assert ties(study_result(STUDY, [cell("a", study=STUDY)], []).cells) == {}


@st.composite
def graphs(draw: st.DrawFn) -> list[set[int]]:
    size = draw(st.integers(0, 7))
    graph: list[set[int]] = [set() for _ in range(size)]
    for a, b in combinations(range(size), 2):
        if draw(st.booleans()):
            graph[a].add(b)
            graph[b].add(a)
    return graph


@pytest.mark.slow
@given(graphs())
@settings(deadline=None)
def test_two_share_a_letter_if_and_only_if_they_tie(graph: list[set[int]]) -> None:
    letters = letters_of(graph)
    for a, b in combinations(range(len(graph)), 2):
        assert bool(set(letters[a]) & set(letters[b])) == (b in graph[a])
    assert [bool(each) for each in letters] == [bool(others) for others in graph]


def test_there_is_one_letter_for_each_largest_group() -> None:
    path, triangle, alone = [{1}, {0, 2}, {1}], [{4, 5}, {3, 5}, {3, 4}], [set()]
    found = letters_of([*path, *triangle, *alone])
    assert found == ["a", "ab", "b", "c", "c", "c", ""]


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    result = result_of(seeding=request.param)
    cells = [one.cell for one in result.cells]
    text = write_study(result.study, cells)
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    lines = "".join(to_line(record) for record in result.records)
    (tmp_path / "trials.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["seed_and_depth"], indirect=True)
def test_ties_are_in_the_table_and_on_the_page(folder: Path) -> None:
    paths = write_report(folder)
    with paths.tables["depths"].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["ties_with"] == ""
    assert "c@standard" in rows[1]["ties_with"].split(", ")
    assert "shown as letters in common" in paths.page.read_text()
    assert NOTE not in paths.page.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["seed"], indirect=True)
def test_intervals_from_shared_seeds_are_called_too_narrow(folder: Path) -> None:
    assert NOTE in write_report(folder).page.read_text()


@pytest.mark.slow
def test_notes_on_shared_seeds_are_in_markdown_too() -> None:
    assert NOTE in study_markdown(result_of(seeding="seed"))
    assert NOTE not in study_markdown(result_of())
    one_depth = replace(STUDY, search="grid", depths=(6, 6))
    assert NOTE not in study_markdown(result_of(one_depth, seeding="seed"))
