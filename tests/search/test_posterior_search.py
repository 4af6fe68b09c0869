"""The choice of the next depth: its information, its purity, and where it ends."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthbench.search import PosteriorSearch
from depthbench.search import information as module
from depthbench.search.information import information
from depthbench.spec import DepthGrid

SEARCH = PosteriorSearch(grid=DepthGrid(), cap=192)
GRID = range(3, 193, 3)

DEPTHS = st.sampled_from(GRID)
TRIALS = st.lists(st.tuples(DEPTHS, st.booleans()), max_size=12)
SETTINGS = settings(deadline=None, max_examples=40)


def entropy(chances):
    return -sum(p * math.log(p) for p in chances if p > 0)


def brute_information(weights, pending, success):
    """Mutual information of one trial and the row, given the pending outcomes.

    `weights` is `[rows][columns]`, `success` and each of `pending` the chance to
    train in each of these states.
    """
    states = list(itertools.product(range(len(weights)), range(len(weights[0]))))
    gain = 0.0
    for outcomes in itertools.product([True, False], repeat=len(pending)):
        joint = {}
        for row, column in states:
            p = weights[row][column]
            for trained, chance in zip(outcomes, pending, strict=True):
                p *= chance[row][column] if trained else 1 - chance[row][column]
            for trained in (True, False):
                chance = success[row][column] if trained else 1 - success[row][column]
                joint[row, trained] = joint.get((row, trained), 0.0) + p * chance
        total = sum(joint.values())
        rows = [joint[row, True] + joint[row, False] for row in range(len(weights))]
        ends = [sum(joint[r, t] for r in range(len(weights))) for t in (True, False)]
        gain += total * (
            entropy([p / total for p in rows])
            + entropy([p / total for p in ends])
            - entropy([p / total for p in joint.values()])
        )
    return gain


@pytest.mark.parametrize("num_pending", [0, 1, 2, 4])
def test_information_is_that_of_every_outcome_written_out(num_pending):
    generator = np.random.default_rng(num_pending)
    weights = generator.dirichlet(np.ones(12)).reshape(4, 3)
    pending = generator.random((num_pending, 4, 3))
    success = generator.random((4, 5, 3))
    branches = weights[None]
    for chance in pending:
        branches = module._branched(branches, chance)
    assert len(branches) == 2**num_pending
    assert branches.sum() == pytest.approx(1)
    found = information(branches, success)
    expected = [
        brute_information(weights.tolist(), pending.tolist(), success[:, i].tolist())
        for i in range(5)
    ]
    assert found == pytest.approx(expected, abs=1e-12)
    assert (found > 0).all()


def test_the_choice_has_the_most_information_per_cost():
    """Nothing that makes the choice fast changes it, on a posterior of some width."""
    trials = [(3, True), (48, True), (96, False), (60, False), (54, True), (60, True)]
    posterior = SEARCH.posterior(trials)
    cost = np.array(GRID) + module.OVERHEAD_LAYERS
    for pending in ((), (57,), (57, 60)):
        worth = [
            brute_worth(posterior, pending, depth) / spent
            for depth, spent in zip(GRID, cost, strict=True)
        ]
        chosen = SEARCH.next_depth(trials, pending)
        assert worth[GRID.index(chosen)] >= 0.97 * max(worth)


def brute_worth(posterior, pending, depth):
    branches = [posterior.weights]
    for each in pending:
        success = posterior.grid.success(each)
        branches = [part for b in branches for part in (b * success, b * (1 - success))]
    success = posterior.grid.success(depth)
    gain = 0.0
    for branch in branches:
        rows = np.stack([branch * success, branch * (1 - success)]).sum(axis=2)
        total = rows.sum()
        outside = np.outer(rows.sum(axis=1), rows.sum(axis=0)) / total
        inside = rows > 0
        gain += (rows[inside] * np.log(rows[inside] / outside[inside])).sum()
    return gain


@given(TRIALS, st.lists(DEPTHS, max_size=3), st.randoms(use_true_random=False))
@SETTINGS
def test_the_order_of_trials_is_of_no_account(trials, pending, random):
    chosen = SEARCH.next_depth(trials, pending)
    random.shuffle(trials)
    random.shuffle(pending)
    assert SEARCH.next_depth(trials, pending) == chosen
    assert chosen is None or (chosen in GRID and SEARCH.grid.contains(chosen))


@given(TRIALS)
@SETTINGS
def test_a_search_ends_where_it_is_settled_and_only_there(trials):
    assert (SEARCH.next_depth(trials, ()) is None) is SEARCH.is_settled(trials)


def whole_search(search, train):
    trials = []
    while (depth := search.next_depth(trials, ())) is not None:
        trials.append((depth, train(depth)))
    return trials


@pytest.mark.parametrize("limit", [3, 9, 30, 60, 150, 177])
def test_a_sharp_limit_is_found_and_witnessed_on_both_sides(limit):
    trials = whole_search(SEARCH, lambda depth: depth <= limit)
    assert SEARCH.is_settled(trials)
    assert len(trials) <= 25
    k50 = SEARCH.posterior(trials).k50()
    # Between the last depth that trains and the next, give or take half a step.
    assert 0.95 * limit <= k50.median <= 1.05 * (limit + 3)
    assert sum(trained and depth <= k50.median for depth, trained in trials) >= 3
    assert sum(not trained and depth >= k50.median for depth, trained in trials) >= 3
    tolerance = max(SEARCH.precision * k50.median, 1.5)
    assert k50.high - k50.median <= tolerance
    assert k50.median - k50.low <= tolerance
    # Cost grows with depth: no trial far beyond what trains.
    assert max(depth for depth, _ in trials) <= max(4 * limit, 24)


def test_what_trains_at_the_cap_or_never_is_censored_after_three_trials_there():
    deep = whole_search(SEARCH, lambda depth: True)
    assert sum(depth == 192 for depth, _ in deep) >= 3
    assert len(deep) <= 12
    assert SEARCH.posterior(deep).k50().high is None
    never = whole_search(SEARCH, lambda depth: False)
    assert sum(depth == 3 for depth, _ in never) >= 3
    assert len(never) <= 12
    assert SEARCH.posterior(never).k50().low is None


def test_a_precise_k50_still_wants_its_witnesses():
    """A coarse precision is reached before both sides have theirs."""
    search = PosteriorSearch(grid=DepthGrid(), cap=192, precision=2.0)
    mixed = [(60, True)] * 6 + [(60, False)] * 5
    for lacking, more in (
        ([(48, True)] * 5 + mixed + [(72, False)] * 2, (72, False)),
        ([(48, True)] * 2 + mixed[4:] + [(72, False)] * 5, (48, True)),
    ):
        k50 = search.posterior(lacking).k50()
        assert k50.low is not None
        assert k50.high <= 3 * k50.median
        assert not search.is_settled(lacking)
        side = search.next_depth(lacking, ()) - k50.median
        assert side * (more[0] - k50.median) > 0
        assert search.is_settled([*lacking, more])


def test_no_more_trials_are_begun_than_allowed():
    search = PosteriorSearch(grid=DepthGrid(), cap=192, max_trials=7)
    noise = [(48, True), (48, False)] * 2
    assert search.next_depth(noise, (48, 51)) is not None
    assert search.next_depth(noise, (48, 51, 54)) is None
    assert search.next_depth(noise + noise, ()) is None
    assert not search.is_settled(noise + noise)


def test_a_bracket_is_where_a_search_begins_and_no_more_than_a_hint():
    search = PosteriorSearch(grid=DepthGrid(), cap=192, bracket=(30, 90))
    assert search.next_depth([], ()) == 30
    assert search.next_depth([], (30,)) == 90
    assert search.next_depth([(30, True)], ()) == 90
    assert search.next_depth([(30, False)], ()) < 30
    begun = [(30, True), (90, False)]
    assert search.next_depth(begun, ()) == SEARCH.next_depth(begun, ())
    assert 30 < search.next_depth(begun, ()) < 90


def test_workers_in_parallel_spread_over_depths_and_still_find_the_limit():
    generator = np.random.default_rng(2)
    trials, pending = [], []
    while True:
        while len(pending) < 6:
            depth = SEARCH.next_depth(trials, pending)
            if depth is None:
                break
            pending.append(depth)
        if not pending:
            break
        depth = pending.pop(int(generator.integers(len(pending))))
        trials.append((depth, depth <= 60))
    assert SEARCH.is_settled(trials)
    assert 57 <= SEARCH.posterior(trials).k50().median <= 66
    first = []
    for _ in range(4):
        first.append(SEARCH.next_depth([], first))
    assert len(set(first)) >= 3


def test_only_the_likeliest_outcomes_of_many_pending_trials_are_kept():
    generator = np.random.default_rng(0)
    exact = kept = generator.dirichlet(np.ones(12)).reshape(1, 4, 3)
    for success in generator.random((5, 4, 3)):
        kept = module._branched(kept, success)
        exact = np.concatenate([exact * success, exact * (1 - success)])
    assert (len(kept), len(exact)) == (module.MAX_BRANCHES, 32)
    assert kept.sum() == pytest.approx(1)
    chances = np.sort(exact.sum(axis=(1, 2)))[-module.MAX_BRANCHES :]
    found = np.sort(kept.sum(axis=(1, 2)))
    assert found == pytest.approx(chances / chances.sum())


@pytest.mark.parametrize(("start", "step", "cap"), [(1, 1, 1), (5, 7, 5), (2, 6, 8)])
def test_the_smallest_grids_are_searched_too(start, step, cap):
    search = PosteriorSearch(grid=DepthGrid(start, step), cap=cap)
    for outcome in (True, False):
        trials = whole_search(search, lambda depth, outcome=outcome: outcome)
        assert search.is_settled(trials)
        assert {depth for depth, _ in trials} <= set(range(start, cap + 1, step))
