"""The search for a learning rate at each depth: replay, resume, and what it decides."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from builders import under
from fixtures.rates import RANGE, Oracle, a_cell, a_record, below_a_power, run

from depthbench.record import Outcome, TrialRecord
from depthbench.report.collect import study_result
from depthbench.search import plan_cell
from depthbench.search.measured import measured_of
from depthbench.search.rate import RateSearch, TriedRate
from depthbench.spec import Rate, StudySpec, TrialSpec

STUDY = StudySpec(arch=("net",), tune_lr=8, cap=48)
CELL = under(STUDY, a_cell(Rate(name="tuned", range=RANGE)))
SEARCH = RateSearch(low=1e-4, high=1.0, seed=(0, 24))

# Its own rate, 0.05, trains up to depth 7; a rate of 0.003 up to depth 45.
WORLD = below_a_power(0.9, -1.5)


def test_a_suggestion_is_a_function_of_what_was_tried() -> None:
    tried = tuple(TriedRate(lr, lr) for lr in (0.3, 0.1, 0.03, 0.01, 0.02))
    assert SEARCH.suggest(tried) == SEARCH.suggest(tuple(tried))
    others = (
        replace(SEARCH, seed=(0, 27)).suggest(tried),
        replace(SEARCH, seed=(1, 24)).suggest(tried),
        SEARCH.suggest(tried[:-1]),
    )
    assert len({SEARCH.suggest(tried), *others}) == 4


def test_suggestions_follow_the_errors() -> None:
    """Twenty rates with errors that fall towards 0.001 draw the next ones there."""
    tried: tuple[TriedRate, ...] = ()
    for _ in range(30):
        lr = SEARCH.suggest(tried)
        tried += (TriedRate(lr, abs(math.log10(lr) + 3)),)
    late = [abs(math.log10(each.lr) + 3) for each in tried[20:]]
    early = [abs(math.log10(each.lr) + 3) for each in tried[:4]]
    assert sorted(late)[5] < 0.5 * sorted(early)[1]


def test_lost_rates_say_nothing_and_pending_ones_are_avoided() -> None:
    rates = (0.9, 0.2, 0.05, 0.004, 0.0008, 0.0002)
    tried = tuple(TriedRate(lr, 0.9) for lr in rates)

    def after(*last: float | bool | None) -> float:
        return SEARCH.suggest((*tried, TriedRate(*last)))  # type: ignore[arg-type]

    assert after(0.03, None, True) == after(0.003, None, True)
    assert after(0.03, None, True) != after(0.03, 1.0)
    assert after(0.03, None, False) == after(0.03, 1.0)
    assert after(0.03, 0.05) not in (after(0.03, 1.0), after(0.03, None, True))


def test_the_best_rate_carries_the_depth() -> None:
    records = run([CELL], STUDY, WORLD)
    plan = plan_cell(CELL, records)
    fixed = replace(CELL, rate=Rate())
    fixed_study = replace(STUDY, tune_lr=0)
    at_fixed = plan_cell(under(fixed_study, fixed), run([fixed], fixed_study, WORLD))
    assert at_fixed.trains == 6
    assert plan.trains is not None and plan.trains >= 24
    assert dict(plan.best_rates)[plan.trains] <= 0.9 * plan.trains**-1.5


def test_the_own_rate_is_tried_first_and_alone() -> None:
    plan = plan_cell(CELL, [])
    assert plan.wanted == (CELL.trial(3, 0),)
    assert plan.wanted[0].lr == 0.05


def test_other_seeds_decide_than_the_one_that_chose() -> None:
    """At seed 0 everything trains, with the others nothing does."""

    def oracle(spec: TrialSpec) -> Outcome:
        return Outcome.TRAINED if spec.seed == 0 else Outcome.STUCK

    records = run([CELL], STUDY, oracle)
    plan = plan_cell(CELL, records)
    assert plan.trains is None and plan.fails == 3
    assert 0 not in plan.probes[0].seeds
    # A rate that other seeds reject does not end the search for one that they accept.
    assert len({spec.lr for spec in plan.asked}) == STUDY.tune_lr
    result = study_result(STUDY, [CELL], records).cells[0]
    assert result.all_runs_train_to is None
    assert all(trial.seed != 0 for trial in result.evidence)
    assert plan.observations and not any(trained for _, trained in plan.observations)
    assert result.fit is not None and result.fit.posterior.num_trained == 0


def test_a_rate_rejected_by_other_seeds_gives_way_to_a_better_one() -> None:
    def oracle(spec: TrialSpec) -> Outcome:
        lucky = spec.seed == 0 and spec.lr == 0.05
        return Outcome.TRAINED if lucky or spec.lr < 0.01 else Outcome.DIVERGED

    plan = plan_cell(CELL, run([CELL], STUDY, oracle))
    assert plan.trains == 48
    assert all(lr < 0.01 for _, lr in plan.best_rates)


@pytest.mark.parametrize("world", [WORLD, below_a_power(2, -1.5, noise=0.6)])
def test_any_prefix_of_the_records_continues_alike(world: Oracle) -> None:
    """Nothing but the records is kept, and nothing is asked for twice."""
    whole = run([CELL], STUDY, world)
    final = plan_cell(CELL, whole)
    assert final.is_done
    assert {record.id for record in whole} == {spec.id for spec in final.asked}
    for number in range(0, len(whole), 5):
        records = {record.id: record for record in whole[:number]}
        while wanted := plan_cell(CELL, records.values()).wanted:
            assert not {spec.id for spec in wanted} & set(records)
            # The other way round: which of two trials ends first changes nothing.
            spec = wanted[-1]
            records[spec.id] = a_record(spec, world(spec))
        assert set(records) == {record.id for record in whole}
        assert plan_cell(CELL, records.values()) == final


@pytest.mark.slow
def test_suggestions_are_the_same_in_another_process() -> None:
    code = (
        "from depthbench.search.rate import RateSearch, TriedRate\n"
        "s = RateSearch(low=1e-4, high=1.0, seed=(0, 24))\n"
        "t = tuple(TriedRate(lr, lr) for lr in (0.3, 0.1, 0.03, 0.01, 0.02))\n"
        "print([s.suggest(t[:n]) for n in range(6)])"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    tried = tuple(TriedRate(lr, lr) for lr in (0.3, 0.1, 0.03, 0.01, 0.02))
    assert done.stdout.strip() == str([SEARCH.suggest(tried[:n]) for n in range(6)])
    assert done.stderr == ""


def test_stored_rates_that_nobody_suggests_stand_in() -> None:
    """What another version of Optuna suggested is used before anything is trained."""
    whole = run([CELL], STUDY, WORLD)

    def moved(record: TrialRecord) -> TrialRecord:
        spec = record.spec
        lr = spec.lr if spec.lr == 0.05 else float(f"{spec.lr * 1.037:.4g}")
        other = replace(spec, lr=lr)
        return a_record(other, WORLD(other))

    shifted = [moved(record) for record in whole if record.spec.depth == 12]
    rest = [record for record in whole if record.spec.depth < 12]
    plan = plan_cell(CELL, [*rest, *shifted])
    assert 12 in {probe.depth for probe in plan.probes}
    tuned = {spec.lr for spec in plan.asked if (spec.depth, spec.seed) == (12, 0)}
    assert tuned <= {record.spec.lr for record in shifted}


def test_a_failed_measurement_spends_its_rate_and_two_stop_the_search() -> None:
    def once(spec: TrialSpec) -> Outcome:
        broken = spec.depth == 6 and spec.lr == 0.05
        return Outcome.OUT_OF_MEMORY if broken else WORLD(spec)

    plan = plan_cell(CELL, run([CELL], STUDY, once))
    assert plan.unknown is None and plan.trains is not None and plan.trains > 6
    assert [spec.depth for spec in plan.not_measured] == [6]

    def always(spec: TrialSpec) -> Outcome:
        return Outcome.OUT_OF_MEMORY if spec.depth >= 12 else WORLD(spec)

    records = run([CELL], STUDY, always)
    plan = plan_cell(CELL, records)
    assert (plan.trains, plan.fails, plan.unknown) == (6, None, 12)
    assert 2 <= len(plan.not_measured) <= 3
    result = study_result(STUDY, [CELL], records).cells[0]
    assert result.num_not_measured == len(plan.not_measured)


def test_what_the_search_is_told_of_each_outcome() -> None:
    """A divergence is the worst error there is; a failed measurement is none."""
    told = {
        Outcome.TRAINED: 0.05,
        Outcome.SLOW: 0.5,
        Outcome.STUCK: 0.9,
        Outcome.DIVERGED: 1.0,
        Outcome.OUT_OF_MEMORY: None,
        Outcome.CRASHED: None,
    }
    for outcome, error in told.items():
        record = a_record(CELL.trial(12, 0, lr=0.3), outcome)
        assert measured_of(CELL, record).error == error


def test_a_finer_range_never_leaves_it_or_repeats_a_rate() -> None:
    narrow = replace(CELL, rate=Rate(name="tuned", range=(0.0499, 0.0505)))
    study = replace(STUDY, lr_range=(0.0499, 0.0505), tune_lr=20, seeds=1)
    records = run([narrow], study, lambda _: Outcome.STUCK)
    rates = [record.spec.lr for record in records if record.spec.seed == 0]
    assert len(set(rates)) == len(rates) == 20
    assert all(narrow.owns(record.spec) for record in records)


def test_a_tuned_cell_owns_its_range_and_its_own_rate_only() -> None:
    at = CELL.trial
    assert CELL.owns(at(6, 1, lr=0.3)) and CELL.owns(at(6, 1))
    assert not CELL.owns(at(6, 1, lr=2.0)) and not CELL.owns(at(6, 1, lr=9e-5))
    assert not CELL.owns(replace(at(6, 1, lr=0.3), momentum=0.5))
    high = a_cell(Rate(name="tuned", range=RANGE), lr=3.0)
    assert high.owns(high.trial(6, 1)) and not high.owns(at(6, 1, lr=2.0))


@pytest.mark.slow
def test_nothing_imports_optuna_before_a_rate_is_searched_for() -> None:
    code = (
        "import sys, depthbench.cli, depthbench.search, depthbench.search.rate, "
        "depthbench.report; assert 'optuna' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
