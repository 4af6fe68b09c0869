"""The CSV files: golden texts, volatile columns, and what each status looks like."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from builders import under
from fixtures.report.synthetic import (
    ENVIRONMENT,
    World,
    cell,
    record_of,
    search,
)
from places import GOLDEN

from depthbench.record import Outcome, TrialRecord, from_line, to_line
from depthbench.report.collect import study_result
from depthbench.report.results import CellResult
from depthbench.report.table import Table
from depthbench.report.tables import tables_of
from depthbench.report.trial_columns import VOLATILE_COLUMNS
from depthbench.search import plan_cell
from depthbench.spec import Cell, StudySpec, read_cells, read_study
from depthbench.store import read_records

STUDY = StudySpec(name="made_up", arch=("net",), cap=48)
PLAIN = World(limit=20, spread=0.2)


def golden_tables() -> dict[str, Table[Any]]:
    study = read_study(GOLDEN / "study.toml")
    records = read_records(GOLDEN).records.values()
    cells = read_cells(GOLDEN / "study.toml")
    return tables_of(study_result(study, cells, records))


def frames_of(
    study: StudySpec, cells: list[Cell], records: Iterable[TrialRecord]
) -> dict[str, pd.DataFrame]:
    tables = tables_of(study_result(study, cells, records))
    return {name: table.frame for name, table in tables.items()}


def one_result(
    world: World, *, study: StudySpec = STUDY, max_trials: int = 10_000
) -> CellResult:
    net = cell("net", study=study, reference=(21, 24))
    records = search([net], lambda _: world, max_trials=max_trials)
    return study_result(study, [net], records).cells[0]


def depth_row(result: CellResult, study: StudySpec = STUDY) -> pd.Series:
    records = [trial.record for trial in result.trials]
    return frames_of(study, [result.cell], records)["depths"].iloc[0]


@pytest.mark.parametrize("name", ["depths", "trials", "epochs"])
def test_golden_csv(name: str) -> None:
    expected = (GOLDEN / f"{name}.csv").read_text(encoding="utf-8")
    assert golden_tables()[name].csv == expected


@pytest.mark.slow
def test_order_of_records_does_not_matter() -> None:
    study = read_study(GOLDEN / "study.toml")
    cells = read_cells(GOLDEN / "study.toml")
    records = list(read_records(GOLDEN).records.values())
    backwards = tables_of(study_result(study, cells, reversed(records)))
    for name, table in golden_tables().items():
        assert table.csv == backwards[name].csv


def test_volatile_columns_are_all_that_differs_between_two_runs() -> None:
    net = cell("net", study=STUDY, has_batchnorm=True)
    world = replace(PLAIN, has_batchnorm=True)
    first = search([net], lambda _: world)
    elsewhere = replace(
        ENVIRONMENT,
        depthbench="9",
        python="9",
        torch="9",
        numpy="9",
        platform="9",
        device_name="9",
        num_threads=9,
        tf32=True,
        git_commit="9",
        instruction_set="9",
    )
    second = [
        replace(
            record,
            seconds=record.seconds + 1,
            peak_memory_bytes=record.peak_memory_bytes + 1,
            finished_at="2027-01-01T00:00:00Z",
            environment=elsewhere,
            epochs=tuple(replace(e, seconds=e.seconds + 1) for e in record.epochs),
        )
        for record in first
    ]
    tables = frames_of(STUDY, [net], first)
    others = frames_of(STUDY, [net], second)
    differing: set[str] = set()
    for key, table in tables.items():
        other = others[key]
        differing |= {name for name in table if not table[name].equals(other[name])}
    assert differing == set(VOLATILE_COLUMNS)


def test_shared_trial_has_a_row_under_each_protocol() -> None:
    study = replace(STUDY, protocol=("standard", "notebook"))
    cells = [cell("net", study=study, protocol=p) for p in study.protocol]
    records = search(cells, lambda _: PLAIN)
    trials = frames_of(study, cells, records)["trials"]
    assert len(trials) == 2 * len(records)
    assert set(trials["trial"].value_counts()) == {2}
    assert list(trials["protocol"].unique()) == ["standard", "notebook"]


def test_heads_last_mean_and_criterion() -> None:
    study = replace(STUDY, protocol=("standard", "notebook"))
    cells = [cell("net", study=study, protocol=p) for p in study.protocol]
    world = replace(PLAIN, num_heads=3)
    record = record_of(cells[0].trial(3, 0), Outcome.TRAINED, world)
    trials = frames_of(study, cells, [record])["trials"]
    last = record.epochs[-1]
    assert list(trials["test_error"]) == [last.test_error[-1]] * 2
    assert list(trials["heads_mean_test_error"]) == [sum(last.test_error) / 3] * 2
    assert trials["criterion_error"][0] == last.test_error[-1]
    assert trials["criterion_error"][1] == sum(last.test_error) / 3
    epochs = frames_of(study, cells, [record])["epochs"]
    assert list(epochs["head"][:4]) == [1, 2, 3, 1]
    assert len(epochs) == 2 * 3 * len(record.epochs)


def test_outcome_is_judged_by_the_cells_criterion() -> None:
    strict = replace(STUDY, threshold=0.001)
    net = cell("net", study=strict)
    record = record_of(net.trial(3, 0), Outcome.TRAINED, PLAIN)
    assert record.outcome is Outcome.TRAINED
    assert frames_of(strict, [net], [record])["trials"]["outcome"][0] != "trained"


def test_a_diverged_trial_has_no_error() -> None:
    net = cell("net", study=STUDY)
    record = record_of(net.trial(3, 0), Outcome.DIVERGED, PLAIN)
    row = frames_of(STUDY, [net], [record])["trials"].iloc[0]
    errors = [name for name in row.index if name.endswith("_error")]
    assert len(errors) == 11
    assert row[errors].isna().all()
    assert row["first_nonfinite_step"] == record.first_nonfinite_step


def test_done() -> None:
    result = one_result(PLAIN)
    row = depth_row(result)
    plan = plan_cell(under(STUDY, result.cell), [t.record for t in result.trials])
    assert (row["trains"], row["fails"]) == (plan.trains, plan.fails)
    assert (row["status"], row["deepest"]) == ("done", str(row["trains"]))
    assert not row["is_censored"]
    assert row["weight_layers"] == row["trains"] + 1
    assert (row["notebook_trains"], row["notebook_fails"]) == (21, 24)


@pytest.mark.parametrize(("limit", "deepest"), [(1000, "≥ 48"), (1, "< 3")])
def test_censored(limit: float, deepest: str) -> None:
    row = depth_row(one_result(World(limit=limit)))
    assert (row["status"], row["deepest"], row["is_censored"]) == (
        "censored",
        deepest,
        True,
    )


def test_unfinished_says_so_and_what_is_next() -> None:
    row = depth_row(one_result(PLAIN, max_trials=5))
    assert row["status"] == "unfinished"
    assert row["deepest"] == "≥ 6, unfinished"
    assert row["note"] == "next: depth 12, seed 1"


def test_no_records_at_all() -> None:
    tables = tables_of(study_result(STUDY, [cell("net", study=STUDY)], []))
    lengths = [len(tables[name].frame) for name in ("trials", "epochs", "depths")]
    assert lengths == [0, 0, 1]
    assert tables["depths"].frame["deepest"][0] == "unfinished"
    assert tables["trials"].csv.startswith("architecture,data,protocol,depth,")
    assert tables["trials"].frame["depth"].dtype == "Int64"


def test_failed_measurement_is_no_evidence() -> None:
    broken = {(12, 0): Outcome.OUT_OF_MEMORY}
    result = one_result(replace(PLAIN, broken=broken))
    row = depth_row(result)
    assert row["status"] == "stopped"
    assert row["deepest"] == "? (out of memory at 12)"
    assert row["num_no_evidence"] == 1
    assert row["num_runs"] == len(result.trials) - 1
    assert pd.isna(row["fails"]) and pd.isna(row["no_run_trains_from"])


def test_golden_records_are_intact() -> None:
    lines = (GOLDEN / "trials.jsonl").read_text(encoding="utf-8").splitlines(True)
    assert [to_line(from_line(line)) for line in lines] == lines


def test_report_imports_neither_torch_nor_the_plotting_stack() -> None:
    code = (
        "import sys, depthbench.report;"
        "heavy = {'torch', 'pandas', 'matplotlib', 'seaborn', 'jinja2'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
