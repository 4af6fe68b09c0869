"""What the records at all depths of a cell add up to."""

from dataclasses import replace

from fixtures.report.synthetic import World, cell, record_of, search

from depthbench.record import Outcome
from depthbench.report.collect import study_result
from depthbench.report.results import CellResult, Status
from depthbench.report.tables import tables_of
from depthbench.report.words import causes_text
from depthbench.spec import StudySpec

STUDY = StudySpec(name="made_up", arch=("net",), cap=48)
PLAIN = World(limit=20, spread=0.2)


def from_outcomes(outcomes: dict[tuple[int, int], Outcome]) -> CellResult:
    net = cell("net", study=STUDY)
    records = [
        record_of(net.trial(depth, seed), outcome, PLAIN)
        for (depth, seed), outcome in outcomes.items()
    ]
    return study_result(STUDY, [net], records).cells[0]


def test_zone_of_disagreement() -> None:
    good, bad = Outcome.TRAINED, Outcome.DIVERGED
    result = from_outcomes(
        {
            (3, 0): good,
            (3, 1): good,
            (6, 0): bad,
            (6, 1): good,
            (9, 0): good,
            (9, 1): bad,
            (12, 0): good,
            (12, 1): bad,
            (15, 0): bad,
        }
    )
    assert result.all_runs_train_to == 3
    assert result.no_run_trains_from == 15
    assert result.disagreement == (3, 15)


def test_agreement_has_no_zone() -> None:
    result = from_outcomes({(3, 0): Outcome.TRAINED, (6, 0): Outcome.STUCK})
    assert (result.all_runs_train_to, result.no_run_trains_from) == (3, 6)
    assert result.disagreement is None


def test_causes_of_failure_are_counted_at_the_failing_depth() -> None:
    good, bad = Outcome.TRAINED, Outcome.DIVERGED
    outcomes = {(3, seed): good for seed in range(2)}
    outcomes |= {(6, 0): bad, (6, 1): Outcome.STUCK, (6, 2): bad, (12, 0): bad}
    result = from_outcomes(outcomes)
    assert result.fails == 6
    assert causes_text(result) == "diverged 2, stuck 1"


def test_diverged_seed_is_the_worst_in_the_median() -> None:
    good = Outcome.TRAINED
    outcomes = {(3, 0): good, (3, 1): Outcome.DIVERGED, (3, 2): good}
    result = from_outcomes(outcomes)
    errors = [t.record.epochs[-1].test_error[-1] for t in result.trials if t.seed != 1]
    assert result.trains == 3
    assert result.test_error == max(errors)


def test_latest_record_of_a_trial_counts_and_strangers_are_counted() -> None:
    net, stranger = cell("net", study=STUDY), cell("other", study=STUDY)
    spec = net.trial(3, 0)
    broken = record_of(spec, Outcome.CRASHED, PLAIN)
    fixed = record_of(spec, Outcome.TRAINED, PLAIN)
    foreign = record_of(stranger.trial(3, 0), Outcome.TRAINED, PLAIN)
    result = study_result(STUDY, [net], [broken, foreign, fixed])
    assert [trial.outcome for trial in result.cells[0].trials] == [Outcome.TRAINED]
    assert result.num_foreign == 1
    assert len(tables_of(result)["trials"].frame) == 1


def test_every_status_is_reached() -> None:
    broken = {(12, 0): Outcome.CRASHED}
    net = cell("net", study=STUDY)
    worlds = (PLAIN, World(limit=1000), replace(PLAIN, broken=broken))
    runs = [search([net], lambda _, world=world: world) for world in worlds]
    runs.append(runs[0][:4])
    results = [study_result(STUDY, [net], run).cells[0] for run in runs]
    assert [result.status for result in results] == list(Status)
