"""The driver, with an oracle in place of training."""

import random
from concurrent.futures import Future
from dataclasses import replace

import pytest
from builders import under
from study_cases import STUDY, cell, record_of

from depthbench.engine import Engine, TaskTimedOutError, WorkerDiedError
from depthbench.record import Outcome
from depthbench.study.cost import cost_if, eta_seconds, wall_seconds
from depthbench.study.drive import begin_searches, run_study

LIMITS = {"a": 39, "b": 6, "c": 768, "dead": 0}


def oracle(spec):
    """Noisy near the limit, as real trainings are, and a function of the spec."""
    limit = LIMITS[spec.architecture]
    noise = random.Random(spec.id).gauss(0, 0.1 * limit)
    return record_of(spec, spec.depth <= limit + noise)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """The oracle answers between the driver's waits, so waiting gains nothing."""
    monkeypatch.setattr("depthbench.study.drive._POLL_SECONDS", 0)


class RandomEngine:
    """Completes what is in flight in random order; counts what it was given."""

    def __init__(self, num_workers, seed, answer=oracle):
        self.engine = Engine(self.submit, num_workers)
        self.random = random.Random(seed)
        self.answer = answer
        self.num_workers = num_workers
        self.submitted = []
        self.open = []

    def submit(self, spec):
        future = Future()
        self.submitted.append(spec)
        self.open.append((future, spec))
        assert len(self.open) <= self.num_workers
        return future

    def complete_one(self):
        future, spec = self.open.pop(self.random.randrange(len(self.open)))
        try:
            future.set_result(self.answer(spec))
        except Exception as error:
            future.set_exception(error)


def drive(cells, engine, stored=(), stop_after=None, study=STUDY):
    """Run a study; `should_stop`, called between waits, completes the trials."""
    kept = list(stored)
    num_before = len(kept)

    def should_stop():
        if stop_after is not None and len(kept) - num_before >= stop_after:
            return True
        if engine.open:
            engine.complete_one()
        return False

    plans = run_study(
        begin_searches([under(study, each) for each in cells], stored),
        stored,
        engine=engine.engine,
        keep=kept.append,
        report=lambda progress: None,
        should_stop=should_stop,
    )
    return plans, kept


def answers(plans):
    return [(plan.trains, plan.fails) for plan in plans]


@pytest.mark.parametrize("num_workers", [1, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_which_trials_run_depends_on_neither_order_nor_workers(num_workers, seed):
    cells = (cell("a"), cell("b"), cell("dead"))
    serial, serial_records = drive(cells, RandomEngine(1, 0))
    plans, records = drive(cells, RandomEngine(num_workers, seed))
    assert answers(plans) == answers(serial)
    assert sorted(r.id for r in records) == sorted(r.id for r in serial_records)
    assert len({r.id for r in records}) == len(records)


@pytest.mark.parametrize("stop_after", range(12))
def test_the_same_command_again_continues_and_repeats_nothing(stop_after):
    cells = (cell("a"), cell("b"))
    whole, whole_records = drive(cells, RandomEngine(2, 0))
    _, kept = drive(cells, RandomEngine(2, 1), stop_after=stop_after)
    engine = RandomEngine(2, 2)
    plans, records = drive(cells, engine, stored=kept)
    assert answers(plans) == answers(whole)
    assert {r.id for r in records} == {r.id for r in whole_records}
    done_before = {r.id for r in kept}
    assert not done_before & {spec.id for spec in engine.submitted}


def test_a_finished_study_submits_nothing():
    cells = (cell("a"),)
    _, records = drive(cells, RandomEngine(2, 0))
    engine = RandomEngine(2, 0)
    drive(cells, engine, stored=records)
    assert engine.submitted == []


def test_cells_that_train_alike_share_their_trials():
    cells = (cell("a"), cell("a", protocol="notebook"))
    engine = RandomEngine(3, 0)
    plans, _ = drive(cells, engine)
    assert answers(plans)[0] == answers(plans)[1]
    ids = [spec.id for spec in engine.submitted]
    assert len(ids) == len(set(ids))
    apart = (cell("a"), cell("a", protocol="notebook", train_mode="first_epoch"))
    twice = RandomEngine(3, 0)
    drive(apart, twice)
    assert len(twice.submitted) > len(engine.submitted)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (WorkerDiedError("killed by SIGKILL, twice"), Outcome.CRASHED),
        (TaskTimedOutError("longer than 5 s"), Outcome.TIMED_OUT),
    ],
)
def test_a_lost_worker_is_no_evidence_and_stops_only_its_cell(error, outcome):
    def answer(spec):
        if spec.architecture == "a" and spec.depth == 24:
            raise error
        return oracle(spec)

    cells = (cell("a"), cell("b"))
    plans, records = drive(cells, RandomEngine(2, 0, answer))
    assert plans[0].unknown == 24
    assert plans[0].fails is None
    assert plans[1].is_witnessed
    lost = [r for r in records if r.spec.depth == 24]
    assert {r.outcome for r in lost} == {outcome}
    assert str(error) in lost[0].message

    engine = RandomEngine(2, 1)
    again, _ = drive(cells, engine, stored=records)
    assert again[0].is_witnessed
    assert {spec.depth for spec in engine.submitted if spec.architecture == "a"} >= {24}


def test_a_defect_in_the_driver_s_own_call_is_not_swallowed():
    def answer(spec):
        raise TypeError("a defect")

    with pytest.raises(TypeError, match="a defect"):
        drive((cell("a"),), RandomEngine(1, 0, answer))


def test_more_seeds_keep_the_trials_of_fewer():
    cells = (cell("a"),)
    _, records = drive(cells, RandomEngine(2, 0))
    engine = RandomEngine(2, 0)
    drive(cells, engine, stored=records, study=replace(STUDY, seeds=5))
    assert engine.submitted
    assert not {r.id for r in records} & {spec.id for spec in engine.submitted}


@pytest.mark.parametrize("limit", [0, 3, 6, 39, 96, 192])
def test_the_estimate_of_a_search_is_what_an_exact_network_costs(limit):
    """Trials and their summed depth; what is stored costs nothing."""
    exact = cell("a")
    engine = RandomEngine(1, 0, lambda spec: record_of(spec, spec.depth <= limit))
    plans, records = drive((exact,), engine)
    cost = cost_if(under(STUDY, exact), limit, frozenset())
    assert {spec.id for spec in cost.trials} == {spec.id for spec in engine.submitted}
    assert cost.num_probes == len(plans[0].probes)
    stored = frozenset(record.id for record in records[:3])
    rest = cost_if(under(STUDY, exact), limit, stored)
    assert len(rest.trials) == len(cost.trials) - 3


@pytest.mark.parametrize(
    ("seconds", "num_workers", "expected"),
    [
        ([60.0], 2, 60.0),
        ([60.0, 60, 60], 2, 120.0),
        ([60.0, 60, 60], 8, 60.0),
        ([10.0, 60, 10, 10], 2, 60.0),
        ([], 2, 0.0),
    ],
)
def test_no_training_is_divided_among_workers(seconds, num_workers, expected):
    assert wall_seconds(seconds, num_workers) == expected


def test_the_time_left_shrinks_as_the_bracket_closes_and_ends_at_none():
    exact = cell("a")
    lengths = []

    def watch(progress):
        if progress.record is not None:
            known = progress.records.values()
            lengths.append(eta_seconds(progress.plans, known, num_workers=2))

    engine = RandomEngine(1, 0, lambda spec: record_of(spec, spec.depth <= 39))
    kept = []

    def should_stop():
        if engine.open:
            engine.complete_one()
        return False

    run_study(
        begin_searches([under(STUDY, exact)], ()),
        (),
        engine=engine.engine,
        keep=kept.append,
        report=watch,
        should_stop=should_stop,
    )
    assert lengths[-1] == 0
    # From the first failure on (k = 48) every verdict takes work away.
    first_failure = next(i for i, r in enumerate(kept) if r.spec.depth == 48)
    after = lengths[first_failure + 2 :]
    assert after == sorted(after, reverse=True)
    assert eta_seconds((), (), num_workers=2) is None
