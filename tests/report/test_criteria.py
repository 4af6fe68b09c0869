"""k50 after fewer epochs and at other thresholds, from stored trials alone."""

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from comparable import record_numbers
from fixtures.report.synthetic import World, cell, search
from toy import TOY_SETS

from depthbench.record import Outcome, TrialRecord
from depthbench.report import study_result
from depthbench.report.criteria import (
    CRITERIA_COLUMNS,
    after_epochs,
    budgets_of,
    criteria_table,
    criterion_points,
    num_left_out,
)
from depthbench.report.figures import criteria_figure
from depthbench.report.results import StudyResult
from depthbench.spec import Criterion, StudySpec, TrialSpec
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial
from depthbench.verdict import outcome_under

STUDY = StudySpec(name="made_up", arch=("net",), cap=96)
CAUSES = (Outcome.DIVERGED, Outcome.STUCK, Outcome.SLOW)
WORLD = World(limit=30, spread=0.5, causes=CAUSES)


def result_of(study: StudySpec = STUDY, world: World = WORLD) -> StudyResult:
    net = cell("net", study=study)
    return study_result(study, [net], search([net], lambda _: world))


RESULT = result_of()
(CELL,) = RESULT.cells


@pytest.mark.parametrize("train_mode", ["every_epoch", "first_epoch"])
@pytest.mark.parametrize("lr", [0.05, 2.0, 1e3, 1e6])
def test_a_shorter_training_is_the_beginning_of_a_longer_one(
    lr: float, train_mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a real network, also of one that diverges on the way."""
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    trial._architectures.cache_clear()
    context = TrialContext(data_dir=tmp_path)
    spec = TrialSpec(
        architecture="elu_bn" if lr < 1e3 else "elu",
        depth=3,
        data="toy",
        seed=1,
        lr=lr,
        epochs=4,
        batch_size=16,
        train_mode=train_mode,  # type: ignore[arg-type]
    )
    whole = run_trial(spec, context)
    assert whole.outcome.is_evidence, whole.message
    for num_epochs in (1, 2, 3, 4):
        short = run_trial(replace(spec, epochs=num_epochs), context)
        cut = after_epochs(whole, num_epochs)
        assert cut is not None
        assert record_numbers(cut) == record_numbers(short)
        for threshold in (0.05, 0.5):
            criterion = Criterion(threshold=threshold)
            assert outcome_under(cut, criterion) is outcome_under(short, criterion)


def a_record(outcome: Outcome) -> TrialRecord:
    return next(t.record for t in CELL.evidence if t.record.outcome is outcome)


def diverged_in_last_epoch() -> TrialRecord:
    record = a_record(Outcome.TRAINED)
    return replace(
        record,
        outcome=Outcome.DIVERGED,
        epochs=record.epochs[:2],
        first_nonfinite_step=600,
        stopped_early="non-finite loss",
    )


def test_a_later_divergence_is_none_yet() -> None:
    record = diverged_in_last_epoch()
    easy = Criterion(threshold=0.9)
    outcomes = [outcome_under(after_epochs(record, n), easy) for n in (1, 2, 3)]
    assert outcomes == [Outcome.TRAINED, Outcome.TRAINED, Outcome.DIVERGED]


def test_weights_broken_by_the_last_update_are_a_divergence() -> None:
    record = diverged_in_last_epoch()
    broken = replace(record.epochs[1], test_loss=(math.nan,))
    record = replace(record, epochs=(record.epochs[0], broken))
    easy = Criterion(threshold=0.9)
    outcomes = [outcome_under(after_epochs(record, n), easy) for n in (1, 2, 3)]
    assert outcomes == [Outcome.TRAINED, Outcome.DIVERGED, Outcome.DIVERGED]


def test_a_test_loss_that_overflows_and_recovers_is_no_divergence() -> None:
    record = a_record(Outcome.TRAINED)
    odd = replace(record.epochs[1], test_loss=(math.inf,))
    record = replace(record, epochs=(record.epochs[0], odd, record.epochs[2]))
    cut = after_epochs(record, 2)
    assert outcome_under(cut, Criterion(threshold=0.9)) is Outcome.TRAINED


def test_a_test_loss_that_overflows_long_before_a_divergence_is_none() -> None:
    record = diverged_in_last_epoch()
    odd = replace(record.epochs[0], test_loss=(math.nan,))
    record = replace(record, epochs=(odd, record.epochs[1]))
    assert after_epochs(record, 1).first_nonfinite_step is None


def test_the_study_s_own_question_has_the_study_s_own_answer() -> None:
    (own,) = [point for point in criterion_points(CELL) if point.is_own]
    assert (own.num_epochs, own.threshold) == (3, 0.20)
    assert own.k50 == CELL.fit.k50
    assert own.num_trials == len(CELL.evidence)


def test_a_threshold_of_one_s_own_joins_the_usual_ones() -> None:
    (one,) = result_of(replace(STUDY, threshold=0.3)).cells
    thresholds = [p.threshold for p in criterion_points(one) if p.num_epochs == 3]
    assert thresholds == [0.05, 0.10, 0.20, 0.30, 0.50]


def test_trials_that_train_by_a_threshold_train_by_a_higher_one() -> None:
    points = criterion_points(CELL)
    for num_epochs in (1, 2, 3):
        mine = [p.num_trained for p in points if p.num_epochs == num_epochs]
        assert mine == sorted(mine)
    assert len({p.num_trained for p in points}) > 2


RULE = "chance(step=300, tolerance=0.05, gradient_norm=0.2)"


def stopped_trials() -> StudyResult:
    """Every stuck trial stopped by a rule in its second epoch."""
    stored = [
        replace(record, epochs=record.epochs[:1], stopped_early=RULE)
        if record.outcome is Outcome.STUCK
        else record
        for record in RESULT.records
    ]
    return study_result(STUDY, [CELL.cell], stored)


def test_trials_that_a_rule_stopped_are_left_out_and_counted() -> None:
    stuck = sum(t.record.outcome is Outcome.STUCK for t in CELL.evidence)
    assert stuck > 0
    result = stopped_trials()
    for point in criterion_points(result.cells[0]):
        assert point.num_left_out == stuck
        assert point.num_trials == len(CELL.evidence) - stuck
    assert num_left_out(result) == stuck
    assert num_left_out(RESULT) == 0


def test_failed_measurements_are_neither_judged_nor_left_out() -> None:
    broken = {(24, 0): Outcome.OUT_OF_MEMORY}
    (one,) = result_of(world=replace(WORLD, broken=broken)).cells
    assert any(not t.outcome.is_evidence for t in one.trials)
    for point in criterion_points(one):
        assert point.num_trials == len(one.evidence)
        assert point.num_left_out == 0


@pytest.mark.parametrize(
    ("epochs", "budgets"),
    [(1, [1]), (3, [1, 2, 3]), (6, [1, 2, 3, 4, 5, 6]), (12, [1, 2, 4, 8, 12])],
)
def test_budgets(epochs: int, budgets: list[int]) -> None:
    assert budgets_of(epochs) == budgets


def test_it_is_judged_after_epochs_with_a_test_only() -> None:
    cell = CELL.cell
    template = replace(cell.template, test_every="2ep")
    tested = replace(CELL, cell=replace(cell, template=template))
    assert [point.num_epochs for point in criterion_points(tested)] == [2] * 4 + [3] * 4


def test_the_csv_file_has_a_row_for_each_question() -> None:
    rows = list(csv.DictReader(io.StringIO(criteria_table(RESULT).csv)))
    assert list(rows[0]) == [
        column.name for column in CRITERIA_COLUMNS if column.name != "rate"
    ]
    assert len(rows) == 3 * 4
    own = [row for row in rows if row["is_own"] == "True"]
    assert len(own) == 1
    assert float(own[0]["k50"]) == pytest.approx(CELL.fit.k50.median, rel=1e-5)


def test_the_figure_shows_every_median_and_fills_the_study_s_own() -> None:
    figure = criteria_figure(RESULT)
    (axes,) = [each for each in figure.axes if each.get_visible()]
    markers = [line for line in axes.lines if line.get_label() == "k50"]
    points = criterion_points(CELL)
    shown = sorted(line.get_ydata()[0] for line in markers)
    assert shown == sorted(p.k50.median for p in points if p.k50.median is not None)
    filled = [line for line in markers if line.get_markerfacecolor() != "none"]
    assert [line.get_ydata()[0] for line in filled] == [CELL.fit.k50.median]


def test_a_study_without_trials_has_a_figure_and_rows_without_numbers() -> None:
    empty = study_result(STUDY, [CELL.cell], [])
    assert criteria_figure(empty).axes
    rows = list(csv.DictReader(io.StringIO(criteria_table(empty).csv)))
    assert all(row["k50"] == "" and row["num_trials"] == "0" for row in rows)
