"""The ratio of two k50: exact against brute force, honest about bounds, calibrated."""

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from simulated_pairs import LUCKS, Curve, compared, score

from depthbench.curves import CurvePosterior, Prior
from depthbench.curves.pairs import Pair, PairCounts
from depthbench.curves.ratio import _gain, compare_curves

CAP = 120


def fall(limit: int, *, cap: int = CAP, noise: int = 6) -> list[tuple[int, bool]]:
    """Trials around a limit, some of them on the wrong side."""
    chance = random.Random(limit)
    return [
        (depth, depth + chance.uniform(-noise, noise) <= limit)
        for depth in range(3, cap + 1, 6)
        for _ in range(2)
    ]


def curve(
    trials: list[tuple[int, bool]], *, cap: int = CAP, prior: Prior | None = None
) -> CurvePosterior:
    return CurvePosterior.given(trials, shallowest=3, deepest=cap, prior=prior)


SHALLOW, DEEP = curve(fall(30)), curve(fall(48))
ALL_TRAINED = curve([(depth, True) for depth in range(3, CAP + 1, 6)])
NONE_TRAINED = curve([(depth, False) for depth in range(3, CAP + 1, 6)])


def test_without_pairs_it_is_the_distribution_of_independent_curves() -> None:
    """Against draws of k50 from each, spread over the cells of the grids."""
    generator = np.random.default_rng(1)

    def draws(posterior: CurvePosterior) -> np.ndarray:
        k50 = np.log(posterior.grid.k50)
        rows = generator.choice(len(k50), 400_000, p=posterior.weights.sum(axis=1))
        return k50[rows] + (k50[1] - k50[0]) * generator.uniform(-0.5, 0.5, len(rows))

    ratios = draws(DEEP) - draws(SHALLOW)
    found = compare_curves(SHALLOW, DEEP, [])
    points = [found.ratio.low, found.ratio.median, found.ratio.high]
    assert np.log(points) == pytest.approx(
        np.quantile(ratios, (0.05, 0.5, 0.95)), abs=0.005
    )
    assert found.probability_b_deeper == pytest.approx((ratios > 0).mean(), abs=0.003)


PAIRS = [
    *[Pair(depth, True, True) for depth in (3, 9, 15, 21, 27)],
    *[Pair(depth, False, True) for depth in (33, 39)],
    *[Pair(depth, False, False) for depth in (57, 63, 69)],
    Pair(45, True, False),
]


def test_exchanging_the_sides_inverts_the_ratio() -> None:
    ahead = compare_curves(SHALLOW, DEEP, PAIRS)
    back = compare_curves(
        DEEP, SHALLOW, [replace(pair, a=pair.b, b=pair.a) for pair in PAIRS]
    )
    assert back.ratio.low == pytest.approx(1 / ahead.ratio.high, rel=1e-9)
    assert back.ratio.median == pytest.approx(1 / ahead.ratio.median, rel=1e-9)
    assert back.probability_b_deeper == pytest.approx(1 - ahead.probability_b_deeper)


def test_the_order_of_pairs_changes_nothing() -> None:
    shuffled = random.Random(0).sample(PAIRS, len(PAIRS))
    assert compare_curves(SHALLOW, DEEP, PAIRS) == compare_curves(
        SHALLOW, DEEP, shuffled
    )


@pytest.mark.parametrize("chances", [(0.3, 0.8), (0.9, 0.5), (0.4, 0.4)])
def test_one_luck_decides_both_trials(chances: tuple[float, float]) -> None:
    """The chance of each kind of pair is that of one uniform number."""
    luck = (np.arange(100_000) + 0.5) / 100_000
    a, b = (luck < chance for chance in chances)
    for pair in (Pair(9, *each) for each in itertools.product((True, False), repeat=2)):
        own = [
            chance if good else 1 - chance
            for chance, good in zip(chances, (pair.a, pair.b), strict=True)
        ]
        gain = _gain(np.array(chances[0]), np.array(chances[1]), pair)
        share = ((a == pair.a) & (b == pair.b)).mean()
        assert gain * math.prod(own) == pytest.approx(share, abs=1e-4)


def test_a_side_without_a_failure_is_a_bound() -> None:
    up = compare_curves(SHALLOW, ALL_TRAINED, [])
    assert up.ratio.median is None and up.ratio.high is None
    assert up.ratio.low == pytest.approx(CAP / SHALLOW.k50().high, rel=0.02)
    down = compare_curves(ALL_TRAINED, SHALLOW, [])
    assert down.ratio.median is None and down.ratio.low is None
    assert down.ratio.high == pytest.approx(SHALLOW.k50().high / CAP, rel=0.02)
    assert up.probability_b_deeper > 0.99 and down.probability_b_deeper < 0.01


def test_a_side_without_a_success_is_a_bound() -> None:
    found = compare_curves(SHALLOW, NONE_TRAINED, [])
    assert found.ratio.low is None and found.ratio.median is None
    k50, none = SHALLOW.k50(), NONE_TRAINED.k50()
    assert 3 / k50.high < found.ratio.high < none.high / k50.low
    assert found.probability_b_deeper < 0.01


def test_two_sides_without_a_failure_tell_nothing() -> None:
    shorter = curve([(depth, True) for depth in range(3, 61, 6)], cap=60)
    for pair in ((ALL_TRAINED, shorter), (shorter, ALL_TRAINED)):
        found = compare_curves(*pair, [])
        assert found.ratio.low is found.ratio.median is found.ratio.high is None
        assert found.probability_b_deeper is None


def test_a_bound_does_not_rest_on_what_is_held_possible_beyond_the_depths() -> None:
    wide = Prior(beyond=8.0)
    trained = [(depth, True) for depth in range(3, CAP + 1, 6)]
    near = compare_curves(SHALLOW, curve(trained), []).ratio.low
    far = compare_curves(curve(fall(30), prior=wide), curve(trained, prior=wide), [])
    assert far.ratio.low == pytest.approx(near, rel=0.01)


def test_without_a_failure_the_prior_alone_gives_no_bound() -> None:
    """Though a narrow one holds it improbable that k50 is beyond the depths."""
    narrow = Prior(beyond=1.01)
    trained = curve([(3, True)], prior=narrow)
    failed = curve([(CAP, False)], prior=narrow)
    assert compare_curves(trained, DEEP, []).ratio.low is None
    assert compare_curves(DEEP, trained, []).ratio.high is None
    assert compare_curves(DEEP, failed, []).ratio.low is None
    assert compare_curves(failed, DEEP, []).ratio.high is None


def test_a_shared_training_is_no_evidence_of_a_difference() -> None:
    """Sharing pulls the ratio to 1, harder than pairs that merely agree."""
    trials = fall(30)
    apart = [Pair(depth, good, good) for depth, good in trials]
    shared = [replace(pair, is_shared=True) for pair in apart]
    lengths = [
        math.log(found.ratio.high / found.ratio.low)
        for pairs in ([], apart, shared)
        for found in [compare_curves(SHALLOW, SHALLOW, pairs)]
    ]
    assert lengths[0] > lengths[1] > lengths[2]


def test_the_exact_test_against_every_way_to_split_the_pairs() -> None:
    for only_a, only_b in itertools.product(range(6), repeat=2):
        number = only_a + only_b
        ways = [sum(coins) for coins in itertools.product((0, 1), repeat=number)]
        distance = abs(only_a - number / 2)
        as_uneven = [abs(heads - number / 2) >= distance for heads in ways]
        expected = sum(as_uneven) / len(ways)
        counts = PairCounts(both=3, only_a=only_a, only_b=only_b, neither=1)
        assert counts.p_value == pytest.approx(expected)


def test_without_a_pair_there_is_no_p_value() -> None:
    assert PairCounts.of([]).p_value is None
    assert PairCounts.of([Pair(3, True, True)]).p_value == 1


@pytest.mark.slow
def test_the_interval_covers_and_the_test_keeps_its_size() -> None:
    """A reduced run of `simulated_pairs.py`, where neither side is deeper."""
    same = (Curve(40, 0.15, 0.05), Curve(40, 0.15, 0.05))
    scores = [score("grid", same, luck, range(25)) for luck in LUCKS.values()]
    assert np.mean([each.covered for each in scores]) >= 0.85
    assert np.mean([each.significant for each in scores]) <= 0.10
    assert all(each.num_pairs == 52 for each in scores)


@pytest.mark.slow
def test_pairs_with_common_luck_shorten_the_interval() -> None:
    curves = (Curve(40, 0.15, 0.05), Curve(48, 0.15, 0.05))
    found = [compared("grid", curves, LUCKS["most"], world) for world in range(12)]
    lengths = np.array(
        [
            [math.log(each.ratio.high / each.ratio.low) for each in (paired, alone)]
            for paired, alone, _ in found
        ]
    )
    assert np.median(lengths[:, 0] / lengths[:, 1]) < 0.85
