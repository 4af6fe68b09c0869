"""The Optuna study file: what Optuna itself reads back from it."""

from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner
from fixtures.rates import RANGE, a_cell, a_record, below_a_power, run
from optuna.trial import TrialState

from depthbench.cli.report import command
from depthbench.record import Outcome, TrialRecord
from depthbench.report.collect import study_result
from depthbench.report.optuna_file import write_optuna_file
from depthbench.report.results import StudyResult
from depthbench.spec import Cell, Rate, StudySpec, write_study
from depthbench.store import open_store

STUDY = StudySpec(arch=("net",), cap=24, lr_grid=(0.005, 0.05))
CELLS = [a_cell(Rate(name=f"lr {lr}", is_own=lr == 0.05), lr) for lr in STUDY.lr_grid]
LOST = a_record(CELLS[0].trial(24, 7), Outcome.OUT_OF_MEMORY)


def records() -> list[TrialRecord]:
    trained = run(CELLS, STUDY, below_a_power(2.0, -1.5))
    return [
        replace(record, finished_at="2026-01-02T03:04:05+00:00") for record in trained
    ] + [replace(LOST, message="2.0 GiB at step 7")]


def a_result(cells: list[Cell] = CELLS) -> StudyResult:
    return study_result(STUDY, cells, records())


@pytest.mark.slow
def test_optuna_reads_every_trial(tmp_path: Path) -> None:
    path = tmp_path / "study file.db"
    write_optuna_file(a_result(), path)
    by_id = {record.id: record for record in records()}
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        [name] = optuna.get_all_study_names(storage)
        study = optuna.load_study(study_name=name, storage=storage)
        trials, best = study.trials, study.best_value
    finally:
        storage.remove_session()
        storage.engine.dispose()
    assert name == "net, mnist, standard"
    assert {trial.user_attrs["trial"] for trial in trials} == set(by_id)
    assert len(trials) == len(by_id)
    for trial in trials:
        record = by_id[trial.user_attrs["trial"]]
        spec = record.spec
        assert trial.params == {"depth": spec.depth, "lr": spec.lr, "seed": spec.seed}
        assert trial.user_attrs["outcome"] == record.outcome
        expected = {Outcome.TRAINED: 0.05, Outcome.DIVERGED: 1.0}.get(record.outcome)
        assert trial.value == expected
        is_lost = record.outcome is Outcome.OUT_OF_MEMORY
        assert trial.state == (TrialState.FAIL if is_lost else TrialState.COMPLETE)
    assert best == 0.05


@pytest.mark.slow
def test_a_second_export_is_the_same_and_replaces_the_first(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    write_optuna_file(a_result(CELLS[:1]), path)
    few = len(loaded_trials(path))
    write_optuna_file(a_result(), path)
    first = loaded_trials(path)
    write_optuna_file(a_result(), path)
    assert loaded_trials(path) == first
    assert len(first) > few
    assert [each.name for each in tmp_path.iterdir()] == ["study.db"]


def loaded_trials(path: Path) -> list[optuna.trial.FrozenTrial]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        [name] = optuna.get_all_study_names(storage)
        return optuna.load_study(study_name=name, storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()


def test_another_file_is_never_replaced(tmp_path: Path) -> None:
    text = tmp_path / "notes.db"
    text.write_text("my notes")
    with pytest.raises(ValueError, match="holds something else; name another file"):
        write_optuna_file(a_result(), text)
    assert text.read_text() == "my notes"

    others = tmp_path / "others.db"
    storage = optuna.storages.RDBStorage(f"sqlite:///{others}")
    optuna.create_study(storage=storage, study_name="mine")
    storage.remove_session()
    storage.engine.dispose()
    before = others.read_bytes()
    with pytest.raises(ValueError, match="holds something else"):
        write_optuna_file(a_result(), others)
    assert others.read_bytes() == before


@pytest.mark.slow
def test_a_tuned_cell_is_one_study_over_all_its_rates(tmp_path: Path) -> None:
    study = StudySpec(arch=("net",), tune_lr=6, cap=24)
    cell = a_cell(Rate(name="tuned", range=RANGE))
    found = run([cell], study, below_a_power(0.9, -1.5))
    path = tmp_path / "study.db"
    write_optuna_file(study_result(study, [cell], found), path)
    trials = loaded_trials(path)
    assert len({trial.params["lr"] for trial in trials}) > 2
    assert len(trials) == len(found)


def test_a_study_without_trials_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    write_optuna_file(study_result(STUDY, CELLS, []), path)
    assert loaded_trials(path) == []


@pytest.mark.slow
def test_the_report_command_writes_it_beside_the_tables(tmp_path: Path) -> None:
    folder, path = tmp_path / "results", tmp_path / "study.db"
    with open_store(folder) as store:
        for record in records():
            store.append(record)
        (folder / "study.toml").write_text(write_study(STUDY, CELLS))
    done = CliRunner().invoke(command, [str(folder), "--optuna", str(path)])
    assert done.exit_code == 0, done.output
    assert len(loaded_trials(path)) == len(records())
    assert "the limit is of the learning rate" in done.output
    page = (folder / "report.html").read_text()
    assert "Learning rates" in page and "the limit is of the learning rate" in page
    for name in ("rate_map.csv", "rates.csv", "figures/rates.svg", "figures/rates.png"):
        assert (folder / name).stat().st_size > 100
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    CliRunner().invoke(command, [str(folder)])
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before

    path.write_text("something else")
    done = CliRunner().invoke(command, [str(folder), "--optuna", str(path)])
    assert done.exit_code == 2 and "name another file" in done.output
