"""Which trials of a search may be stopped early; the answer rests on none of them."""

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from test_plan import CELL, STUDY, Oracle, a_record, ids_of, noisy

from depthbench.plan import CellPlan, curve_of, plan_cell
from depthbench.plan.stops import FAR, is_far
from depthbench.record import Outcome, TrialRecord
from depthbench.spec import Cell, StudySpec, TrialSpec
from depthbench.stop_rules import Chance, Learned

CHANCE = Chance(step=250, tolerance=0.02, gradient_norm=0.5).name
LEARNED = Learned(step=250, loss=0.1, threshold=0.2).name
RULED = replace(CELL, template=replace(CELL.template, stop_rules=(CHANCE, LEARNED)))
STOPPING = replace(STUDY, early_stop="all")
POSTERIOR = replace(STOPPING, search="posterior", cap=60, max_trials=12)


def train(spec: TrialSpec, oracle: Oracle, is_deceived: bool) -> TrialRecord:
    """A rule, where there is one, ends every training; deceived, at times wrongly."""
    outcome = oracle(spec)
    if not spec.stop_rules:
        return a_record(spec, outcome)
    if is_deceived and random.Random(f"{spec.depth} {spec.seed}").random() < 0.3:
        outcome = Outcome.STUCK
    rule = LEARNED if outcome is Outcome.TRAINED else CHANCE
    record = a_record(spec, outcome)
    return replace(record, epochs=(), stopped_early=rule, num_steps=250)


def drive(
    cell: Cell,
    study: StudySpec,
    stored: Iterable[TrialRecord],
    oracle: Oracle,
    order: random.Random,
    is_deceived: bool = False,
) -> tuple[CellPlan, list[TrialRecord]]:
    records = list(stored)
    while not (plan := plan_cell(cell, study, records)).is_done:
        assert len(records) < 300
        assert not {spec.id for spec in plan.wanted} & ids_of(records)
        assert all(cell.owns(spec) for spec in plan.wanted)
        records.append(train(order.choice(plan.wanted), oracle, is_deceived))
    return plan, records


def in_full(records: list[TrialRecord]) -> set[tuple[int, int]]:
    return {(r.spec.depth, r.spec.seed) for r in records if not r.was_stopped}


@pytest.mark.parametrize(
    ("depth", "low", "high", "factor", "expected"),
    [
        (48, None, None, 1.5, False),
        (48, 40, None, 1.5, False),
        (48, None, 40, 1.5, False),
        (60, 20, 40, 1.5, False),
        (61, 20, 40, 1.5, True),
        (13, 20, 40, 1.5, True),
        (14, 20, 40, 1.5, False),
        (40, 20, 40, 1.0, False),
        (41, 20, 40, 1.0, True),
        (19, 20, None, 1.0, True),
    ],
)
def test_far_is_beyond_what_is_known(
    depth: int, low: float | None, high: float | None, factor: float, expected: bool
) -> None:
    assert is_far(depth, low, high, factor=factor) is expected


@pytest.mark.parametrize("limit", [0, 3, 12, 40, 46, 60, 96, 200])
@pytest.mark.parametrize("is_deceived", [False, True])
def test_both_ends_of_a_bracket_were_trained_in_full(
    limit: int, is_deceived: bool
) -> None:
    for number in range(4):
        oracle = noisy(limit, spread=9, world=number)
        plan, records = drive(
            RULED, STOPPING, [], oracle, random.Random(0), is_deceived
        )
        full = in_full(records)
        for probe in plan.probes:
            if probe.depth in (plan.trains, plan.fails):
                assert {(probe.depth, seed) for seed in probe.seeds} <= full
        if not is_deceived:
            plain, _ = drive(CELL, STUDY, [], oracle, random.Random(0))
            assert (plan.trains, plan.fails) == (plain.trains, plain.fails)
            assert plan.probes == plain.probes


def test_a_bisection_stops_trials_while_it_doubles_and_not_between_its_ends() -> None:
    plan, records = drive(RULED, STOPPING, [], noisy(40, 0, 0), random.Random(0))
    assert {probe.depth for probe in plan.probes} == {3, 6, 12, 24, 48, 36, 42, 39}
    stopped = {record.spec.depth for record in records if record.was_stopped}
    assert stopped == {3, 6, 12, 24, 48}
    assert in_full(records) == {(36, 0), (36, 1), (39, 0), (39, 1), (42, 0), (42, 1)}


def test_an_end_that_was_stopped_wrongly_is_found_out() -> None:
    """The search goes on from the full trainings, and ends where it would have."""

    def oracle(spec: TrialSpec) -> Outcome:
        lies = spec.depth == 24 and spec.stop_rules
        trains = spec.depth <= 40 and not lies
        return Outcome.TRAINED if trains else Outcome.STUCK

    plan, records = drive(RULED, STOPPING, [], oracle, random.Random(0))
    assert (plan.trains, plan.fails) == (39, 42)
    assert {(24, 0), (24, 1)} <= in_full(records)


@pytest.mark.parametrize("study", [STOPPING, POSTERIOR])
@pytest.mark.parametrize("is_deceived", [False, True])
def test_neither_order_nor_interruption_changes_what_is_found(
    study: StudySpec, is_deceived: bool
) -> None:
    for number, limit in enumerate((3, 24, 200)):
        oracle = noisy(limit, spread=9, world=number)
        plan, records = drive(RULED, study, [], oracle, random.Random(0), is_deceived)
        for attempt in (1, 2):
            order = random.Random(attempt)
            again = drive(RULED, study, [], oracle, order, is_deceived)
            assert again[0] == plan
            assert ids_of(again[1]) == ids_of(records)
        for length in range(0, len(records), 7):
            rest = random.Random(length)
            resumed = drive(RULED, study, records[:length], oracle, rest, is_deceived)
            assert resumed[0] == plan
            assert ids_of(resumed[1]) == ids_of(records)


def test_the_interval_rests_on_full_trainings_near_it() -> None:
    num_stopped = 0
    for number in range(4):
        oracle = noisy(18, spread=12, world=number)
        plan, records = drive(RULED, POSTERIOR, [], oracle, random.Random(0))
        curve = curve_of(plan)
        assert curve is not None
        k50 = curve.k50()
        full = in_full(records)
        for spec in plan.asked:
            if (spec.depth, spec.seed) not in full:
                num_stopped += 1
                assert is_far(spec.depth, k50.low, k50.high, factor=FAR)
        # Stopping changes nothing of the search if the rules are right.
        plain, _ = drive(
            CELL, replace(POSTERIOR, early_stop="off"), [], oracle, random.Random(0)
        )
        assert plan.observations == plain.observations
    assert num_stopped > 0


def test_everywhere_means_every_trial() -> None:
    study = replace(STOPPING, early_stop_at="everywhere")
    for each in (study, replace(study, search="grid", depths=(3, 24), seeds=2)):
        plan, records = drive(RULED, each, [], noisy(12, 0, 0), random.Random(0))
        assert plan.is_done
        assert not in_full(records)
    grid = replace(STOPPING, search="grid", depths=(3, 24), seeds=2)
    _, records = drive(RULED, grid, [], noisy(12, 0, 0), random.Random(0))
    assert not any(record.was_stopped for record in records)


def test_a_full_training_serves_a_study_with_rules_and_not_the_other_way_round() -> (
    None
):
    oracle = noisy(40, 0, 0)
    plan, records = drive(CELL, STUDY, [], oracle, random.Random(0))
    assert plan_cell(RULED, STOPPING, records).probes == plan.probes
    assert plan_cell(RULED, STOPPING, records).is_done
    _, stopped = drive(RULED, STOPPING, [], oracle, random.Random(0))
    early = [record for record in stopped if record.was_stopped]
    assert early
    assert plan_cell(CELL, STUDY, early).probes == ()
    others = replace(
        RULED, template=replace(RULED.template, stop_rules=(LEARNED, CHANCE))
    )
    assert plan_cell(others, STOPPING, early).probes == ()


def test_what_a_rule_left_unsettled_is_trained_in_full() -> None:
    """As when the criterion of a cell asks for more than the rule concludes."""
    strict = replace(RULED, criterion=replace(RULED.criterion, threshold=0.1))
    plan, records = drive(strict, STOPPING, [], noisy(40, 0, 0), random.Random(0))
    assert (plan.trains, plan.fails) == (39, 42)
    assert {(3, 0), (3, 1)} <= in_full(records)
