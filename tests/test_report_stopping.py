"""What a report says of trials that rules ended, and the files of a fit."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_early_stopping import a_world
from test_plan import CELL, a_record, noisy
from test_plan_stops import drive

from depthbench.cli.stops import command
from depthbench.early_stopping import fit_from_json, packaged_fit
from depthbench.early_stopping.words import measured_words
from depthbench.record import EpochRecord, Outcome, TrialRecord, to_line
from depthbench.report.collect import study_result
from depthbench.report.facts import measured_facts
from depthbench.report.figures.errors import points_of
from depthbench.report.results import StudyResult
from depthbench.report.stopping import stopping_sentences
from depthbench.report.tables import tables_of
from depthbench.spec import Cell, StudySpec, TrialSpec

STUDY = StudySpec(arch=("elu",), cap=96, early_stop="all")
NAMES = tuple(one.name for one in packaged_fit().rules)
CELLS = (replace(CELL, template=replace(CELL.template, stop_rules=NAMES)),)


def result_of(cells: tuple[Cell, ...] = CELLS) -> StudyResult:
    """A bisection to 45, whose trials at 48 were stopped, and then trained in full."""
    (cell,) = cells
    _, records = drive(cell, STUDY, [], noisy(45, 0, 0), random.Random(0))
    return study_result(STUDY, cells, [with_length(one) for one in records])


def with_length(record: TrialRecord) -> TrialRecord:
    if record.was_stopped:
        at_stop = EpochRecord(
            train_loss=(0.5,),
            train_error=(0.25,),
            test_loss=(0.5,),
            test_error=(0.125,),
            seconds=1.0,
        )
        return replace(record, num_steps=250, at_stop=at_stop)
    return replace(record, num_steps=705, epochs=record.epochs * 3)


def test_the_report_tells_rules_errors_and_work_saved() -> None:
    result = result_of()
    where, *rules, last = stopping_sentences(result)
    assert "those that the answer rests on were trained in full" in where
    for one, sentence in zip(packaged_fit().rules, rules, strict=False):
        assert sentence.startswith(one.name)
        assert measured_words(one) in sentence
    stopped = [record for record in result.records if record.was_stopped]
    full = [record for record in result.records if not record.was_stopped]
    saved = sum(record.spec.depth * 455 for record in stopped)
    done = sum(record.spec.depth * record.num_steps for record in (*stopped, *full))
    share = f"{100 * saved / (saved + done):.1f} % of the work"
    assert {record.spec.depth for record in stopped} == {3, 6, 12, 24, 48}
    assert f"{len(stopped)} of {len(result.records)} trials" in last
    assert share in last
    assert "; 3 of them were trained again in full, of which 0 contradicted" in last
    facts = {fact.term: fact.sentences for fact in measured_facts(result)}
    assert facts["Early stopping"] == (where, *rules, last)


def test_what_was_not_measured_is_said() -> None:
    template = replace(CELLS[0].template, data="stroke_digits", lr=0.01)
    cells = (replace(CELLS[0], template=template),)
    sentences = stopping_sentences(result_of(cells))
    assert (
        "Not measured for what differs here: data stroke_digits, learning rate 0.01."
        in sentences
    )
    name = "chance(step=1, tolerance=0.1, gradient_norm=0.1)"
    template = replace(CELLS[0].template, stop_rules=(name,))
    cells = (replace(CELLS[0], template=template),)
    (said,) = (s for s in stopping_sentences(result_of(cells)) if s.startswith(name))
    assert (
        said == f"{name}: a rule of another version, of an error unknown to this one."
    )


def test_nothing_is_said_where_no_rule_was_on() -> None:
    study = replace(STUDY, early_stop="off")
    _, records = drive(CELL, study, [], noisy(45, 0, 0), random.Random(0))
    result = study_result(study, (CELL,), records)
    assert stopping_sentences(result) == ()
    assert "Early stopping" not in {fact.term for fact in measured_facts(result)}


def test_a_trial_is_shown_once_and_in_full_if_it_was_trained_so() -> None:
    result = result_of()
    (cell,) = result.cells
    places = [(trial.depth, trial.seed) for trial in cell.trials]
    assert len(set(places)) == len(places)
    assert not any(t.record.was_stopped for t in cell.trials if t.depth in (45, 48))
    assert result.num_foreign == 0
    assert (cell.trains, cell.fails) == (45, 48)
    assert cell.test_error == 0.05


def test_a_stopped_trial_has_no_final_error_and_is_drawn_where_it_stopped() -> None:
    result = result_of()
    trials = tables_of(result).trials
    early = trials[trials.stopped_early.notna()]
    assert len(early) > 0
    assert early.criterion_error.isna().all()
    assert set(early.num_steps) == {250}
    assert set(early.outcome) == {"trained"}
    points = points_of(result.cells[0])
    assert set(points[points.depth == 24].height) == {0.125}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [to_line(one) for seed in range(2) for one in a_world(seed)]
    # Neither a failed measurement nor a stopped trial is fitted to.
    spec = TrialSpec(architecture="elu", depth=3, data="mnist", seed=9, lr=0.05)
    lines.append(to_line(a_record(spec, Outcome.CRASHED)))
    (tmp_path / "trials.jsonl").write_text("".join(lines), encoding="utf-8")
    return tmp_path


def test_a_fit_is_made_and_written_by_the_command(folder: Path) -> None:
    out = folder / "out"
    done = CliRunner().invoke(command, ["fit", str(folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    fit = fit_from_json((out / "fit.json").read_text(encoding="utf-8"))
    assert len(fit.rules) == 2
    for one in fit.rules:
        assert f"{one.name}\n  {measured_words(one)}\n" in done.stdout
    names = {path.name for path in out.iterdir()}
    assert names == {"fit.json", "measured.csv", "stops.png", "stops.svg"}
    rows = (out / "measured.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 2 * 2 * 2


def test_a_fit_to_nothing_is_refused(folder: Path) -> None:
    (folder / "trials.jsonl").write_text("", encoding="utf-8")
    done = CliRunner().invoke(command, ["fit", str(folder), "--out", str(folder)])
    assert done.exit_code == 2
    assert "some of both are needed" in done.output


def test_the_rules_in_use_are_shown_with_their_errors() -> None:
    as_json = CliRunner().invoke(command, ["show", "--json"])
    assert json.loads(as_json.stdout) == json.loads(packaged_fit().to_json())
    done = CliRunner().invoke(command, ["show"])
    for one in packaged_fit().rules:
        assert measured_words(one) in done.stdout
