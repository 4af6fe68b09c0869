"""The fold of a posterior search: one sequence of trials, whatever happens on the way.

The search itself is tested elsewhere; here its choices are an oracle's.
"""

import random
from collections import Counter
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from builders import under
from posterior_cases import CELL, STUDY, record_of, world

from depthbench.engine import Engine, WorkerDiedError
from depthbench.record import Outcome
from depthbench.search import curve_of, plan_cell
from depthbench.search.posterior import posterior_search
from depthbench.study.cost import cost_if
from depthbench.study.drive import begin_searches, run_study

MAX_TRIALS = "the limit on trials came before the precision asked for"
BUDGET = "the budget was used up before the precision asked for"


def serial(train, study=STUDY, cell=CELL):
    """One trial at a time, in the order of the search; the final plan and records."""
    records = []
    while (plan := plan_cell(under(study, cell), records)).wanted:
        assert len(records) < 200
        records.append(train(plan.wanted[0]))
    return plan, records


class Chaos:
    """An engine of several workers in which nothing goes as planned.

    Trials end in a random order, and some workers die, each trial at most once in the
    life of the engine.
    """

    def __init__(self, train, seed, *, deaths=0.0, num_workers=3):
        self.train, self.deaths = train, deaths
        self.random = random.Random(seed)
        self.engine = Engine(self.submit, num_workers)
        self.open, self.dead, self.submitted = [], set(), []

    def submit(self, spec):
        future = Future()
        self.open.append((future, spec))
        self.submitted.append(spec)
        return future

    def complete_one(self):
        future, spec = self.open.pop(self.random.randrange(len(self.open)))
        if spec.id not in self.dead and self.random.random() < self.deaths:
            self.dead.add(spec.id)
            future.set_exception(WorkerDiedError("killed by SIGKILL, twice"))
            return
        future.set_result(self.train(spec))

    def run(self, stored=(), study=STUDY):
        kept = list(stored)

        def should_stop():
            if self.open:
                self.complete_one()
            return False

        (plan,) = run_study(
            begin_searches([under(study, CELL)], stored),
            stored,
            engine=self.engine,
            keep=kept.append,
            report=lambda progress: None,
            should_stop=should_stop,
        )
        return plan, kept


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("depthbench.study.drive._POLL_SECONDS", 0)


def assert_same(plan, expected):
    assert plan == expected
    ours, theirs = curve_of(plan), curve_of(expected)
    assert np.array_equal(ours.weights, theirs.weights)
    assert (ours.k50(), ours.k90()) == (theirs.k50(), theirs.k90())


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_200_disturbed_studies_end_as_the_undisturbed_ones(block):
    """Deaths and any order: the same trials, the same posterior."""
    num_deaths = 0
    for number in range(20 * block, 20 * block + 20):
        train = world(number)
        study = replace(STUDY, ahead=1 + number % 4)
        expected, records = serial(train, study)
        chaos = Chaos(train, number, num_workers=1 + number % 5)
        plan, _ = chaos.run(study=study)
        assert_same(plan, expected)
        assert sorted(spec.id for spec in chaos.submitted) == sorted(
            record.id for record in records
        )
        # A trial whose worker died is no evidence; the same command tries it again.
        chaos = Chaos(train, number, deaths=0.15, num_workers=1 + number % 5)
        plan, kept = chaos.run(study=study)
        while plan.not_measured:
            num_deaths += 1
            plan, kept = chaos.run(kept, study)
        assert_same(plan, expected)
        shuffled = random.Random(number).sample(records, len(records))
        assert_same(plan_cell(under(study, CELL), shuffled + shuffled[:3]), expected)
    assert num_deaths > 5


@pytest.mark.parametrize("number", range(8))
def test_after_any_part_of_the_records_the_rest_is_what_it_would_have_been(number):
    train = world(number)
    expected, records = serial(train)
    for length in range(len(records) + 1):
        chaos = Chaos(train, length)
        plan, kept = chaos.run(records[:length])
        assert_same(plan, expected)
        assert len({record.id for record in kept}) == len(records)
        assert len(chaos.submitted) == len(records) - length


@pytest.mark.parametrize("ahead", [1, 2, 4])
def test_no_choice_waits_for_the_trials_still_allowed_to_run(ahead):
    """Exactly `ahead` trials are wanted at once, until no more are left."""
    train, study = world(3), replace(STUDY, ahead=ahead, max_trials=8)
    records = []
    expected, _ = serial(train, study)
    while (plan := plan_cell(under(study, CELL), records)).wanted:
        left = len(expected.asked) - len(records)
        assert len(plan.wanted) == min(ahead, left)
        assert plan.asked == expected.asked[: len(plan.asked)]
        records.append(train(plan.wanted[0]))


def test_one_at_a_time_it_is_the_search_itself_and_seeds_are_shared_by_depths():
    train, study = world(7), replace(STUDY, ahead=1, first_seed=5)
    plan, _ = serial(train, study)
    search = posterior_search(under(study, CELL))
    observed, seen = [], Counter()
    while (depth := search.next_depth(observed, ())) is not None:
        spec = CELL.trial(depth, 5 + seen[depth])
        assert plan.asked[len(observed)] == spec
        seen[depth] += 1
        observed.append((depth, train(spec).outcome is Outcome.TRAINED))
    assert plan.observations == tuple(observed)
    assert len(plan.asked) == len(observed)
    assert max(seen.values()) > 1


@pytest.mark.parametrize("number", range(12))
def test_a_search_ends_precise_or_censored_or_says_what_limited_it(number):
    study = replace(STUDY, max_trials=30, ahead=5)
    plan, _ = serial(world(number), study)
    search = posterior_search(under(study, CELL))
    assert (plan.limited_by is None) is search.is_settled(plan.observations)
    assert plan.limited_by in (None, MAX_TRIALS)
    if plan.limited_by:
        assert len(plan.asked) == 30
    short, _ = serial(world(number), replace(study, max_trials=3))
    assert short.limited_by == MAX_TRIALS
    assert short.asked == plan.asked[:3]


class Hasty:
    """A search that two trials satisfy if the second trained; it hopes so."""

    def next_depth(self, observed, pending):
        if len(observed) + len(pending) < 2:
            return 3
        return 6 if (3, False) in observed[1:] else None

    def is_settled(self, observed):
        return len(observed) > 1


@pytest.mark.parametrize("second", [Outcome.TRAINED, Outcome.STUCK])
def test_a_search_does_not_end_before_what_is_under_way_has(monkeypatch, second):
    monkeypatch.setattr(
        "depthbench.search.posterior.posterior_search", lambda _: Hasty()
    )
    first, other = CELL.trial(3, 0), CELL.trial(3, 1)
    records = [record_of(first, Outcome.TRAINED)]
    plan = plan_cell(CELL, records)
    assert plan.wanted == (other,)
    plan = plan_cell(CELL, [*records, record_of(other, second)])
    is_enough = second is Outcome.TRAINED
    assert plan.is_done is is_enough
    assert plan.wanted[:1] == (() if is_enough else (CELL.trial(6, 0),))


def test_more_precision_takes_more_trials_and_gives_it():
    plans = [
        serial(world(8), replace(STUDY, precision=precision, max_trials=99))[0]
        for precision in (0.5, 0.2, 0.15)
    ]
    lengths = [len(plan.asked) for plan in plans]
    assert lengths == sorted(set(lengths))
    for plan, precision in zip(plans, (0.5, 0.2, 0.15), strict=True):
        k50 = curve_of(plan).k50()
        half = max(k50.high - k50.median, k50.median - k50.low)
        assert half <= max(precision * k50.median, CELL.grid.step / 2)


@pytest.mark.parametrize(
    ("budget", "of"),
    [
        ("100le", lambda record: 3 * record.spec.depth),
        ("150s", lambda record: record.seconds),
        ("5m", lambda record: record.seconds),
    ],
)
@pytest.mark.parametrize("ahead", [1, 3])
def test_a_budget_ends_the_search_once_it_is_used_up(budget, of, ahead):
    amount = {"100le": 100, "150s": 150, "5m": 300}[budget]
    free = replace(STUDY, precision=0.01, max_trials=40, ahead=ahead)
    unlimited, records = serial(world(11), free)
    plan, _ = serial(world(11), replace(free, budget=budget))
    number = len(plan.asked)
    assert plan.limited_by == BUDGET
    assert plan.asked == unlimited.asked[:number]
    costs = [of(record) for record in records]
    # Here every layer-epoch takes as long, so what is under way is foreseen exactly.
    assert sum(costs[: number - 1]) < amount <= sum(costs[:number])


def test_a_diverged_trial_costs_the_epoch_it_broke_in():
    (spec,) = plan_cell(under(replace(STUDY, ahead=1), CELL), []).wanted
    record = replace(
        record_of(spec, Outcome.DIVERGED),
        epochs=record_of(spec, Outcome.STUCK).epochs[:1],
        first_nonfinite_step=300,
    )
    for amount, is_over in ((2 * spec.depth, True), (2 * spec.depth + 1, False)):
        study = replace(STUDY, budget=f"{amount}le", ahead=1)
        plan = plan_cell(under(study, CELL), [record])
        assert plan.is_done is is_over
        assert plan.limited_by == (BUDGET if is_over else None)


@pytest.mark.parametrize("failure", [o for o in Outcome if not o.is_evidence])
def test_a_lost_trial_is_passed_over_and_two_at_one_depth_end_the_search(failure):
    train, study = world(3), replace(STUDY, ahead=1)
    expected, _ = serial(train, study)
    lost = expected.asked[2]

    def losing(spec):
        return record_of(spec, failure) if spec == lost else train(spec)

    plan, records = serial(losing, study)
    assert plan.not_measured == (lost,)
    assert plan.unknown is None
    # The same depth is tried again, with the next seed; nothing counts as failed.
    assert plan.asked[:4] == (
        *expected.asked[:3],
        CELL.trial(lost.depth, lost.seed + 1),
    )
    assert len(plan.observations) == len(plan.asked) - 1
    assert plan.observations[:2] == expected.observations[:2]
    # Measured after all, it takes its place, and the rest is what it would have been.
    again, _ = Chaos(train, 0).run(records, study)
    assert_same(again, expected)

    def losing_all(spec):
        return record_of(spec, failure) if spec.depth == lost.depth else train(spec)

    stopped, _ = serial(losing_all, study)
    assert stopped.unknown == lost.depth
    assert [spec.depth for spec in stopped.not_measured] == [lost.depth] * 2
    assert stopped.observations == expected.observations[:2]


def test_a_lost_trial_tells_the_next_choice_nothing():
    train, study = world(3), replace(STUDY, ahead=1)
    expected, _ = serial(train, study)
    search = posterior_search(under(study, CELL))
    for number, lost in enumerate(expected.asked):
        records = [train(spec) for spec in expected.asked[:number]]
        gone = record_of(lost, Outcome.TIMED_OUT)
        (wanted,) = plan_cell(under(study, CELL), [*records, gone]).wanted
        assert wanted.depth == search.next_depth(expected.observations[:number], ())
        assert wanted.seed == lost.seed + 1


@pytest.mark.parametrize("limit", [0, 9, 21, 48])
def test_the_estimate_is_what_an_exact_network_costs(limit):
    def exact(spec):
        trained = spec.depth <= limit
        return record_of(spec, Outcome.TRAINED if trained else Outcome.STUCK)

    plan, records = serial(exact)
    cost = cost_if(CELL, limit, frozenset())
    assert sorted(spec.id for spec in cost.trials) == sorted(r.id for r in records)
    assert cost.num_probes == len({spec.depth for spec in plan.asked})
    stored = frozenset(record.id for record in records[:2])
    assert len(cost_if(CELL, limit, stored).trials) == len(records) - 2


def test_a_trial_under_way_is_charged_no_more_than_its_time_limit():
    """All take 4 s, as deep ones may that are ended by it, so 44 s are 11 trials."""

    def train(spec):
        return replace(record_of(spec, Outcome.TRAINED), seconds=4.0)

    study = replace(STUDY, budget="44s", precision=0.01, ahead=3)
    limited = replace(CELL, template=replace(CELL.template, max_train_seconds=4.0))
    assert len(serial(train, study, limited)[1]) == 11
    # At the pace of the shallow ones, those under way would take longer.
    assert len(serial(train, study)[1]) < 11


def test_the_estimate_minds_a_budget_of_time():
    study = replace(STUDY, budget="60s", precision=0.01)
    slow = cost_if(under(study, CELL), 21, frozenset(), seconds_per_layer_epoch=1.0)
    quick = cost_if(under(study, CELL), 21, frozenset(), seconds_per_layer_epoch=0.1)
    assert len(slow.trials) < len(quick.trials)


def test_what_is_left_shrinks_and_never_exceeds_the_limits():
    study = replace(STUDY, budget="400le")
    records = []
    while (plan := plan_cell(under(study, CELL), records)).wanted:
        assert len(plan.wanted) <= plan.num_left <= 12 - len(records)
        known = sum(3 * record.spec.depth for record in records)
        wanted = 3 * sum(spec.depth for spec in plan.wanted)
        assert wanted <= plan.layer_epochs_left
        assert not records or plan.layer_epochs_left <= max(wanted, 400 - known)
        records.append(world(5)(plan.wanted[0]))
    assert (plan.num_left, plan.layer_epochs_left) == (0, 0)
