"""The falling fit and the test of monotonicity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthbench.curves import monotonicity_p_value
from depthbench.curves.monotonicity import falling_fit

COUNTS = st.lists(
    st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=1,
    max_size=9,
)


def pooled(counts):
    """Pool neighbours for as long as a later block trains more often."""
    blocks = []
    for trained, total in counts:
        blocks.append([trained, total, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] < (
            blocks[-1][0] * blocks[-2][1]
        ):
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    return [trained / total for trained, total, size in blocks for _ in range(size)]


def fit_of(counts):
    trained, total = (np.array(each, dtype=float) for each in zip(*counts, strict=True))
    return falling_fit(trained, total)


@given(COUNTS)
@settings(deadline=None)
def test_the_fit_is_that_of_pooling_adjacent_violators(counts):
    assert fit_of(counts) == pytest.approx(pooled(counts), abs=1e-12)


def test_no_falling_curve_on_a_lattice_is_likelier_than_the_fit():
    counts = [(3, 4), (1, 3), (2, 2), (0, 2), (1, 5)]
    lattice = np.linspace(0.001, 0.999, 60)

    def log_likelihood(curve):
        return sum(
            (trained * np.log(p) if trained else 0)
            + ((total - trained) * np.log(1 - p) if trained < total else 0)
            for (trained, total), p in zip(counts, curve, strict=True)
        )

    # The best falling curve, by dynamic programming over its last value.
    best = np.zeros(len(lattice))
    for trained, total in counts:
        best = np.maximum.accumulate(best[::-1])[::-1]
        best = (
            best + trained * np.log(lattice) + (total - trained) * np.log(1 - lattice)
        )
    found = log_likelihood(fit_of(counts))
    assert best.max() <= found
    assert found == pytest.approx(best.max(), abs=0.05)


def test_batches_are_fitted_as_each_alone():
    generator = np.random.default_rng(3)
    total = generator.integers(1, 5, 7).astype(float)
    trained = generator.binomial(total.astype(int), 0.5, (20, 7)).astype(float)
    together = falling_fit(trained, total)
    for row, fit in zip(trained, together, strict=True):
        assert np.array_equal(falling_fit(row, total), fit)


def trials_of(counts):
    return [
        (3 * place, number < trained)
        for place, (trained, total) in enumerate(counts, 1)
        for number in range(total)
    ]


def test_fewer_than_two_depths_tell_nothing():
    assert monotonicity_p_value([]) is None
    assert monotonicity_p_value([(3, True), (3, False)]) is None
    assert monotonicity_p_value([(3, True), (6, False)]) == 1


def test_success_that_returns_deeper_down_is_told_from_noise():
    assert monotonicity_p_value(trials_of([(6, 6), (0, 6), (6, 6), (0, 6)])) < 0.005
    assert monotonicity_p_value(trials_of([(3, 3), (2, 3), (3, 3), (0, 3)])) > 0.2
    assert monotonicity_p_value(trials_of([(6, 6), (5, 6), (2, 6), (0, 6)])) == 1


def test_the_order_of_trials_is_of_no_account():
    trials = trials_of([(2, 4), (3, 4), (1, 4), (2, 3)])
    assert monotonicity_p_value(trials) == monotonicity_p_value(trials[::-1])


@pytest.mark.slow
def test_the_p_value_is_uniform_on_a_flat_curve_and_larger_on_a_falling_one():
    generator = np.random.default_rng(11)
    num_sets, total = 400, 12

    def p_values(chances):
        return np.array(
            [
                monotonicity_p_value(
                    trials_of([(k, total) for k in generator.binomial(total, chances)])
                )
                for _ in range(num_sets)
            ]
        )

    flat, falling = p_values([0.5] * 5), p_values([0.95, 0.8, 0.5, 0.2, 0.05])
    for level in (0.05, 0.2, 0.5):
        error = 3 * np.sqrt(level * (1 - level) / num_sets)
        assert abs((flat <= level).mean() - level) < error + 0.02
        assert (falling <= level).mean() < level + error
    assert falling.mean() > flat.mean() + 0.1
