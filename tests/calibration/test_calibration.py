"""Truths, simulated searches, and whether intervals hold what they promise."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from places import ROOT

from depthbench.calibration import plan as plans
from depthbench.calibration.curves import Curve, RecordedCurve, recorded_curves
from depthbench.calibration.plan import FULL, run_calibration
from depthbench.calibration.simulate import (
    Answer,
    bisect_trials,
    posterior_trials,
    simulate,
    trainings,
)
from depthbench.calibration.summary import (
    calibration_markdown,
    read_rows,
    summarize,
    totals,
)
from depthbench.search import BracketSearch, PosteriorSearch
from depthbench.spec import DepthGrid

COMMITTED = ROOT / "results" / "calibration"

SHAPES = ("logistic", "normal", "dip", "island")
SEARCH = PosteriorSearch(grid=DepthGrid(), cap=192)


# Truths.


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [0.03, 0.3])
@pytest.mark.parametrize("lapse", [0.0, 0.08])
def test_a_synthetic_curve_crosses_a_half_at_k50_alone(shape, width, lapse):
    curve = Curve(80, width, lapse, shape)
    assert curve.success(80) == pytest.approx(0.5)
    depths = np.linspace(0.1, 400, 4001)
    for depth in depths[abs(depths - 80) > 1e-9]:
        assert (curve.success(depth) > 0.5) is bool(depth < 80)
        assert 0 <= curve.success(depth) <= 1 - lapse


@pytest.mark.parametrize("width", [0.03, 0.1, 0.2])
def test_only_bumps_rise(width):
    for shape in SHAPES:
        curve = Curve(80, width, 0.0, shape)
        chances = [curve.success(depth) for depth in np.linspace(1, 200, 2000)]
        rises = max(later - earlier for earlier, later in pairwise(chances))
        assert (rises > 1e-9) is (shape in ("dip", "island"))


def test_the_normal_shape_is_close_to_the_logistic_one():
    for lapse in (0.0, 0.08):
        one, other = Curve(100, 0.2, lapse), Curve(100, 0.2, lapse, "normal")
        gaps = [abs(one.success(k) - other.success(k)) for k in range(1, 300)]
        assert 0.001 < max(gaps) < 0.02


def test_a_width_is_that_of_the_logistic_function():
    curve = Curve(100, 0.1, 0.0)
    assert curve.success(110) == pytest.approx(1 / (1 + math.e))
    assert Curve(100, 0.1, 0.08).success(1) == pytest.approx(0.92, abs=1e-3)


def test_a_recorded_curve_follows_its_shares_and_crosses_where_its_fit_does():
    trials = [
        *[(6, True)] * 3,
        *[(12, True), (12, True), (12, False)],
        *[(18, True)] * 3,
        *[(24, True), (24, False), (24, False)],
        *[(36, False)] * 2,
    ]
    curve = RecordedCurve.of("made up", trials[::-1])
    assert curve.depths == (6, 12, 18, 24, 36)
    assert curve.shares == pytest.approx((1, 2 / 3, 1, 1 / 3, 0))
    assert [curve.success(k) for k in (3, 12, 15, 99)] == pytest.approx(
        [1, 2 / 3, 5 / 6, 0]
    )
    # The fit is 1, 5/6, 5/6, 1/3, 0.
    assert curve.k50 == pytest.approx(18 + 6 * (5 / 6 - 1 / 2) / (5 / 6 - 1 / 3))


def test_a_recorded_curve_that_stays_at_a_half_crosses_in_the_middle():
    trials = [(6, True), (12, True), (12, False), (18, True), (18, False), (30, False)]
    assert RecordedCurve.of("flat", trials).k50 == 15


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [(6, True)],
        [(6, False), (12, False)],
        [(6, True), (12, True), (12, False), (12, False)],
        [(6, True), (6, False), (6, True), (12, False)],
    ],
)
def test_trials_that_do_not_span_the_fall_are_no_truth(trials):
    assert RecordedCurve.of("partial", trials) is None


# Simulated searches.


@pytest.mark.parametrize("limit", [3, 30, 66, 189])
def test_on_a_sharp_limit_bisection_answers_as_the_search_itself(limit):
    start = BracketSearch(grid=DepthGrid(), cap=192)
    trials, end = bisect_trials(start, lambda depth: depth <= limit, 3)
    assert (end.trains, end.fails) == (limit, limit + 3)
    depths = list(dict.fromkeys(depth for depth, _ in trials))
    # A majority of three: two that agree, and one more for the first failure.
    first_failure = min(i for i, depth in enumerate(depths) if depth > limit)
    for place, depth in enumerate(depths):
        assert trials.count((depth, depth <= limit)) == 2 + (place == first_failure)


def test_a_noisy_depth_is_decided_by_the_majority():
    outcomes = iter([True, False, True, *[False] * 99])
    start = BracketSearch(grid=DepthGrid(), cap=192)
    trials, _ = bisect_trials(start, lambda _: next(outcomes), 3)
    assert trials[:4] == ((3, True), (3, False), (3, True), (6, False))


def test_remembered_decisions_change_no_search():
    def train(seed):
        generator = np.random.default_rng(seed)
        return lambda depth: bool(generator.random() < Curve(60, 0.1).success(depth))

    shared = {}
    for seed in range(4):
        alone = posterior_trials(SEARCH, train(seed), {})
        assert posterior_trials(SEARCH, train(seed), shared) == alone
        assert SEARCH.next_depth(alone, ()) is None
    assert shared


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_a_seed_keeps_its_share_of_the_luck_and_the_chance_to_train_stays(share):
    """At k50, outcomes of latent correlation r agree in 1/2 + asin(r) / pi of cases."""
    truth = Curve(60, 0.2, 0.0, "logistic", share)
    generator = np.random.default_rng(11)
    pairs = []
    for _ in range(2000):
        train = trainings(truth, generator)
        # Two seeds at each of two depths, and both depths at k50 of its own curve.
        pairs += [(train(60), train(60), train(57), train(63))]
    first, second, shallower, deeper = np.array(pairs).T
    noise = 3.5 * 0.5 / math.sqrt(2000)
    assert first.mean() == pytest.approx(0.5, abs=noise)
    assert shallower.mean() == pytest.approx(truth.success(57), abs=noise)
    assert (first == second).mean() == pytest.approx(0.5, abs=noise)  # other seeds
    agree = 0.5 + math.asin(share) / math.pi
    assert (shallower == deeper).mean() == pytest.approx(agree, abs=noise + 0.01)


def test_the_name_of_a_truth_tells_its_share_of_a_seed():
    names = [Curve(60, 0.2, 0.0, "logistic", share).name for share in (0, 0.3, 0.6)]
    assert len(set(names)) == 3
    assert "seed" not in names[0]


def test_every_method_answers_and_keeps_to_its_cost():
    truth = Curve(60, 0.2, 0.08)
    answers = simulate(truth, SEARCH, seed=3, num_searches=5, num_seeds=3, decisions={})
    cost = {
        method: [a.num_layers for a in answers if a.method == method]
        for method in ("posterior", "posterior_same_cost", "bisect")
    }
    assert [len(each) for each in cost.values()] == [5, 5, 5]
    budget = sum(cost["bisect"]) / 5
    for full, stopped in zip(
        cost["posterior"], cost["posterior_same_cost"], strict=True
    ):
        assert stopped <= min(full, budget)
    assert len(set(cost["posterior"])) > 1  # each search has its own randomness
    for answer in answers:
        assert (answer.p_value is None) is (answer.method != "posterior")


def test_a_summary_is_that_of_its_answers():
    def answer(k50, low, high, p_value=None):
        return Answer("posterior", k50, low, high, 10, 600, p_value)

    answers = [
        answer(66, 60, 80, 0.5),
        answer(45, 40, 55, 0.01),
        answer(None, 30, None, 0.2),
        answer(60, None, 62, 0.9),
    ]
    [row] = summarize(Curve(60, 0.1), answers).itertuples()
    error = np.array([0.1, -0.25, -1, 0])
    assert row.bias == pytest.approx(error.mean())
    assert row.rmse == pytest.approx(np.sqrt((error**2).mean()))
    assert row.missed == 0.5
    assert row.coverage == 0.75
    assert row.half_width == pytest.approx(8.75 / 60)
    assert (row.num_trials, row.cost) == (10, 10)
    assert (row.unanswered, row.flagged) == (0.25, 0.25)


@pytest.mark.slow
def test_the_same_plan_gives_the_same_rows():
    plan = replace(FULL, k50s=(30,), widths=(0.2,), lapses=(0.08,), num_searches=3)
    rows = run_calibration(plan)
    assert list(rows["shape"][::3]) == ["logistic", "dip", "island"]
    assert run_calibration(plan).equals(rows)
    assert not run_calibration(replace(plan, seed=1)).equals(rows)
    # The numbers of a cell do not hang on which others are simulated.
    alone = run_calibration(replace(plan, shapes=("dip",)))
    assert alone.equals(rows[3:6].reset_index(drop=True))


# Calibration.


def at_least(share, num):
    """What a share of `num` draws stays above but for one time in a thousand."""
    return share - 3.1 * math.sqrt(share * (1 - share) / num)


@pytest.mark.slow
def test_intervals_hold_what_they_promise_and_errors_are_small():
    """A reduced run of the committed calibration, on another seed."""
    plan = replace(
        FULL,
        k50s=(60,),
        widths=(0.03, 0.2),
        shapes=("logistic", "dip"),
        num_searches=30,
        seed=77,
    )
    rows = run_calibration(plan)
    everything = {total.method: total for total in totals(rows)[:3].itertuples()}
    num = 30 * 8
    for method in ("posterior", "bisect"):
        assert at_least(0.85, num) <= everything[method].coverage
    ours, theirs = everything["posterior"], everything["bisect"]
    assert ours.coverage < 1
    assert ours.worst_coverage >= at_least(0.80, 30)
    assert ours.rmse < 0.75 * theirs.rmse
    assert ours.missed < 0.5 * theirs.missed
    assert everything["posterior_same_cost"].cost <= theirs.cost
    assert ours.num_trials <= plan.search.max_trials


@pytest.fixture(scope="module")
def committed():
    return read_rows(COMMITTED / "calibration.csv")


def test_the_committed_calibration_is_of_these_settings(committed):
    assert committed["num_searches"].min() >= 200
    settings = set(pd.read_csv(COMMITTED / "calibration.csv")["settings"])
    assert settings == {FULL.settings}, "the settings changed: calibrate anew"
    assert replace(FULL, num_searches=1, seed=9).settings == FULL.settings
    assert replace(FULL, num_seeds=5).settings != FULL.settings


def test_the_committed_calibration_meets_its_bar(committed):
    every = committed[committed["shape"] != "recorded"]
    assert len(every) == 3 * len(list(FULL.curves))
    found = every[every["seed_share"] == 0].groupby("method")
    coverage, error = found["coverage"].mean(), found["rmse"].mean()
    for method in ("posterior", "bisect"):
        assert 0.85 <= coverage[method] <= 0.95
        assert found["coverage"].min()[method] >= 0.80
    assert error["posterior"] < error["posterior_same_cost"] < error["bisect"]
    means = totals(committed)
    everything, *_ = means.itertuples()
    assert (everything.group, everything.method) == ("all synthetic", "posterior")
    assert everything.coverage == pytest.approx(coverage["posterior"])
    ours = means[means["method"] == "posterior"]
    by_group = {each.group: each for each in ours.itertuples()}
    shared = [by_group[f"seed's share {percent} %"] for percent in (0, 30, 60, 90)]
    assert {total.num_cells for total in shared} == {6}
    # What seeds in common cost: the error grows, and intervals hold less.
    assert shared[0].rmse < shared[1].rmse < shared[3].rmse
    assert shared[0].coverage > shared[1].coverage > shared[3].coverage
    assert calibration_markdown(means).count("\n") == 2 + len(means) / 3


# The command.


@pytest.fixture
def calibrate(call, monkeypatch):
    """Run `depthbench calibrate` on one truth."""
    tiny = replace(FULL, k50s=(30,), widths=(0.1,), lapses=(0.0,), num_searches=2)
    tiny = replace(tiny, shapes=("logistic",), seed_shares=())
    monkeypatch.setattr(plans, "QUICK", tiny)
    arguments = ("calibrate", "--quick", "--out", "c")
    return lambda *more: call(*arguments, *more)


@pytest.mark.slow
def test_calibrate_prints_a_table_and_writes_its_files(calibrate, tmp_path):
    code, out, err = calibrate()
    assert code == 0, err
    assert "all synthetic" in out
    assert "posterior, stopped at the cost of bisect" in out
    assert "…" not in out  # no cell was cut
    assert "1 of 1: logistic k50=30 w=0.1 lapse=0" in err
    written = {path.name for path in (tmp_path / "c").iterdir()}
    assert written == {f"calibration.{kind}" for kind in ("csv", "png", "svg")}
    before = {p.name: p.read_bytes() for p in (tmp_path / "c").iterdir()}
    calibrate()
    assert {p.name: p.read_bytes() for p in (tmp_path / "c").iterdir()} == before


@pytest.mark.slow
def test_calibrate_prints_json(calibrate):
    code, out, _ = calibrate("--json", "--searches", "1", "--seed", "5")
    assert code == 0
    assert json.loads(out)["plan"]["num_searches"] == 1
    assert json.loads(out)["plan"]["seed"] == 5


@pytest.mark.slow
def test_recorded_trials_are_truths(calibrate, tmp_path):
    recorded = ("--recorded", str(ROOT / "results/notebook"))
    code, out, err = calibrate(*recorded, "--json")
    assert code == 0, err
    stored = json.loads(out)
    assert "notebook: elu mnist notebook" in stored["recorded"]
    lines = (tmp_path / "c" / "calibration.csv").read_text().splitlines()
    assert len(lines) == 1 + 3 * (1 + len(stored["recorded"]))
    curves = recorded_curves(ROOT / "results/notebook")
    assert [curve.name for curve in curves] == stored["recorded"]
    # Protocols that train alike, as without BatchNorm, are one truth.
    assert "notebook: elu mnist standard" not in stored["recorded"]


def test_a_folder_without_a_study_is_no_truth(calibrate, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = calibrate("--recorded", "empty")
    assert code == 2
    assert "it has no study.toml" in err


def test_an_interruption_writes_nothing(calibrate, monkeypatch, tmp_path):
    def interrupted(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(plans, "simulate", interrupted)
    code, out, err = calibrate()
    assert code == 130
    assert out == ""
    assert "stopped; nothing was written" in err
    assert list((tmp_path / "c").iterdir()) == []
