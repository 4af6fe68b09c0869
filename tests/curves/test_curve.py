"""The posterior of a falling curve: against brute force, formulas and quadrature."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthbench.curves import CurvePosterior, Estimate, Prior
from depthbench.curves.grid import TRIAL_WEIGHT, CurveGrid

SMALL = Prior(
    widths=(0.05, 0.2, 0.5),
    width_weights=(1.0, 2.0, 1.5),
    lapses=(0.0, 0.1, 0.3),
    lapse_weights=(3.0, 2.0, 1.0),
)

SETTINGS = settings(deadline=None, max_examples=60)

TRIALS = st.lists(
    st.tuples(st.integers(1, 40).map(lambda i: 3 * i), st.booleans()), max_size=25
)


def posterior(trials, prior=SMALL, shallowest=3, deepest=120):
    return CurvePosterior.given(
        trials, shallowest=shallowest, deepest=deepest, prior=prior
    )


def success(depth, location, width, lapse):
    return (1 - lapse) / (1 + math.exp((depth - location) / (width * location)))


def location_of(k50, width, lapse):
    """By bisection of the equation p(k50) = 1/2 for m."""
    low, high = k50, 1000 * k50
    for _ in range(200):
        middle = (low + high) / 2
        if success(k50, middle, width, lapse) < 0.5:
            low = middle
        else:
            high = middle
    return low


def test_the_posterior_is_prior_times_weighted_likelihood():
    trials = [(12, True), (24, True), (24, False), (48, False), (6, False), (24, True)]
    found = posterior(trials)
    weights = np.zeros_like(found.weights)
    columns = [
        (width, lapse, a * b)
        for width, a in zip(SMALL.widths, SMALL.width_weights, strict=True)
        for lapse, b in zip(SMALL.lapses, SMALL.lapse_weights, strict=True)
    ]
    for row, k50 in enumerate(found.grid.k50):
        for column, (width, lapse, prior) in enumerate(columns):
            weight = prior
            location = location_of(k50, width, lapse)
            assert found.grid.location[row, column] == pytest.approx(location)
            for depth, trained in trials:
                chance = success(depth, location, width, lapse)
                weight *= (chance if trained else 1 - chance) ** TRIAL_WEIGHT
            weights[row, column] = weight
    assert found.weights == pytest.approx(weights / weights.sum(), rel=1e-9)


def test_estimates_are_the_quantiles_of_a_continuous_posterior():
    """With one width and lapse, k50 has a density that a fine grid integrates."""
    prior = Prior((0.15,), (1.0,), (0.05,), (1.0,))
    trials = [(30, True)] * 4 + [(45, True), (45, False)] + [(60, False)] * 3
    found = posterior(trials, prior).k50()
    log_k50 = np.linspace(math.log(1.5), math.log(240), 200_001)
    location = np.exp(log_k50) / (1 - 0.15 * math.log(0.5 / 0.95 / (1 - 0.5 / 0.95)))
    density = np.ones_like(log_k50)
    for depth, trained in trials:
        chance = 0.95 / (1 + np.exp((depth - location) / (0.15 * location)))
        density *= (chance if trained else 1 - chance) ** TRIAL_WEIGHT
    mass = np.cumsum(density) / density.sum()
    exact = np.exp(np.interp((0.05, 0.5, 0.95), mass, log_k50))
    assert (found.low, found.median, found.high) == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("width", [0.02, 0.1, 0.4, 0.63])
@pytest.mark.parametrize("lapse", [0.0, 0.03, 0.08, 0.25, 0.35])
def test_k50_k90_and_slope_are_those_of_the_curve(width, lapse):
    prior = Prior((width,), (1.0,), (lapse,), (1.0,))
    grid = CurveGrid.of(prior, 3, 300)
    for row in (0, len(grid.k50) // 2, len(grid.k50) - 1):
        k50, k90 = grid.k50[row], grid.k90[row, 0]
        location = grid.location[row, 0]
        assert success(k50, location, width, lapse) == pytest.approx(0.5)
        before, after = (
            success(k50 + step, location, width, lapse) for step in (-1e-4, 1e-4)
        )
        assert grid.slope[row, 0] == pytest.approx((before - after) / 2e-4, rel=1e-5)
        if success(1e-9, location, width, lapse) < 0.9:
            assert k90 == 0
        else:
            assert success(k90, location, width, lapse) == pytest.approx(0.9)


def test_a_lapse_of_a_tenth_leaves_no_depth_that_trains_nine_times_in_ten():
    prior = Prior((0.05,), (1.0,), (0.1,), (1.0,))
    assert (CurveGrid.of(prior, 3, 300).k90 == 0).all()
    found = posterior([(30, True), (60, False)], prior)
    assert found.k90() == Estimate(0.0, 0.0, 0.0)


@given(TRIALS, st.randoms(use_true_random=False))
@SETTINGS
def test_the_order_of_trials_is_of_no_account(trials, random):
    shuffled = list(trials)
    random.shuffle(shuffled)
    one, other = posterior(trials), posterior(shuffled)
    assert np.array_equal(one.weights, other.weights)
    assert one.k50() == other.k50()
    assert one.k90() == other.k90()


@pytest.mark.slow
@given(TRIALS)
@SETTINGS
def test_the_chance_to_train_falls_with_depth_and_rises_with_a_success(trials):
    found = posterior(trials)
    depths = np.arange(3, 200, 3)
    chances = found.success_probability(depths)
    assert chances.shape == depths.shape
    assert (np.diff(chances) <= 1e-12).all()
    assert ((chances > 0) & (chances < 1)).all()
    better = posterior([*trials, (60, True)]).success_probability([60])
    worse = posterior([*trials, (60, False)]).success_probability([60])
    assert worse <= found.success_probability([60]) <= better


@given(TRIALS)
@SETTINGS
def test_the_unit_of_depth_is_of_no_account(trials):
    one = posterior(trials).k50()
    doubled = [(2 * depth, trained) for depth, trained in trials]
    other = posterior(doubled, shallowest=6, deepest=240).k50()
    for name in ("low", "median", "high"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) is (b is None)
        assert a is None or b == pytest.approx(2 * a)


@given(TRIALS)
@SETTINGS
def test_an_estimate_has_no_bound_where_there_is_no_evidence(trials):
    found = posterior(trials)
    trained = any(good for _, good in trials)
    failed = any(not good for _, good in trials)
    for estimate in (found.k50(), found.k90()):
        assert trained or estimate.low is None
        assert failed or estimate.high is None
        assert (trained and failed) or estimate.median is None
        known = [
            v for v in (estimate.low, estimate.median, estimate.high) if v is not None
        ]
        assert known == sorted(known)
    k50 = found.k50()
    assert k50.low is None or k50.low >= 3
    assert k50.high is None or k50.high <= 120


def test_what_is_never_seen_to_fail_has_a_lower_bound_only():
    found = posterior([(120, True)] * 5)
    k50, k90 = found.k50(), found.k90()
    assert k50.low > 100
    assert (k50.median, k50.high) == (None, None)
    assert (k90.median, k90.high) == (None, None)
    never = posterior([(3, False)] * 5)
    assert (never.k50().low, never.k50().median) == (None, None)
    assert never.k50().high < 4


def test_many_trials_find_the_curve_that_they_came_from():
    generator = np.random.default_rng(5)
    truth = {"location": 66.0, "width": 0.12, "lapse": 0.06}
    trials = [
        (depth, bool(generator.random() < success(depth, **truth)))
        for depth in range(3, 121, 3)
        for _ in range(60)
    ]
    found = posterior(trials, prior=Prior())
    k50 = 66 * (1 - 0.12 * math.log(0.5 / 0.94 / (1 - 0.5 / 0.94)))
    k90 = 66 * (1 - 0.12 * math.log(0.9 / 0.94 / (1 - 0.9 / 0.94)))
    for estimate, true, tolerance in (
        (found.k50(), k50, 0.03),
        (found.k90(), k90, 0.2),
        (found.lapse(), 0.06, 0.5),
        (found.width(), 0.12, 0.4),
        (found.slope_at_k50(), (0.5 - 0.25 / 0.94) / (0.12 * 66), 0.35),
    ):
        assert estimate.median == pytest.approx(true, rel=tolerance)
        assert estimate.low <= estimate.median <= estimate.high


def test_a_single_failure_at_a_shallow_depth_moves_k50_little():
    """The lapse takes it; without lapses it would pull k50 down."""
    trials = [(3 * i, True) for i in range(1, 21)] + [
        (63 + 3 * i, False) for i in range(8)
    ]
    clean = posterior(trials, Prior()).k50()
    lapsed = posterior([*trials, (6, False)], Prior()).k50()
    assert lapsed.median == pytest.approx(clean.median, rel=0.05)
    no_lapse = replace(Prior(), lapses=(0.0,), lapse_weights=(1.0,))
    pulled = posterior([*trials, (6, False)], no_lapse).k50()
    assert abs(pulled.median - clean.median) > abs(lapsed.median - clean.median)


@pytest.mark.parametrize(("width", "lapse"), [(0.2, 0.5), (0.9, 0.45)])
def test_a_prior_has_no_curve_without_a_k50(width, lapse):
    with pytest.raises(ValueError, match="has no k50"):
        Prior((0.1, width), (1.0, 1.0), (0.0, lapse), (1.0, 1.0))
