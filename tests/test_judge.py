"""What the seeds at one depth say, over all courses that events can take."""

import itertools
import random
from collections.abc import Mapping, Sequence

import pytest

from depthbench.record import Outcome
from depthbench.verdict import Judgement, Verdict, judge

T, F, X = Outcome.TRAINED, Outcome.STUCK, Outcome.OUT_OF_MEMORY
CASES = list(itertools.product([1, 3, 5], [False, True]))


def decision(
    results: Sequence[Outcome], num_seeds: int, confirm: bool
) -> tuple[Verdict, int]:
    """The documented rule, seed by seed: the verdict, and how many seeds it takes."""
    majority = num_seeds // 2 + 1
    for number in range(1, len(results) + 1):
        trained = results[:number].count(T)
        failed = number - trained
        if trained >= majority and trained > failed:
            return Verdict.TRAINS, number
        if failed >= majority + confirm and failed > trained:
            return Verdict.FAILS, number
    raise AssertionError("not decided by two seeds more than were to be trained")


def settle(
    results: Mapping[int, Outcome],
    num_seeds: int,
    confirm: bool,
    first_seed: int,
    order: random.Random,
) -> tuple[Judgement, set[int]]:
    """Train what is wanted, one at a time in a random order; what was trained."""
    known: dict[int, Outcome] = {}
    while True:
        now = judge(known, first_seed=first_seed, num_seeds=num_seeds, confirm=confirm)
        if now.verdict is not None:
            return now, set(known)
        assert now.wanted
        assert not set(now.wanted) & set(known)
        seed = order.choice(now.wanted)
        known[seed] = results[seed]


@pytest.mark.parametrize(("num_seeds", "confirm"), CASES)
def test_every_course_of_events_ends_as_the_rule_says(
    num_seeds: int, confirm: bool
) -> None:
    order = random.Random(0)
    for results in itertools.product([T, F], repeat=num_seeds + 2):
        verdict, number = decision(results, num_seeds, confirm)
        if not confirm:
            most = results[:num_seeds].count(T) * 2 > num_seeds
            assert verdict is (Verdict.TRAINS if most else Verdict.FAILS)
            assert number <= num_seeds
        for first_seed in (0, 7):
            by_seed = dict(enumerate(results, start=first_seed))
            asked = tuple(by_seed)[:number]
            for _ in range(3):
                end, trained = settle(by_seed, num_seeds, confirm, first_seed, order)
                assert end == Judgement(verdict, asked)
                assert trained == set(asked)
            # What is stored beyond the seeds asked for changes nothing.
            replayed = judge(
                by_seed, first_seed=first_seed, num_seeds=num_seeds, confirm=confirm
            )
            assert replayed == Judgement(verdict, asked)


def num_needed(known: Sequence[Outcome | None], num_seeds: int, confirm: bool) -> int:
    """Seeds without which there is no verdict, however the unknown ones end."""
    choices = [[result] if result else [T, F] for result in known]
    ends = itertools.product(*choices)
    return min(decision(results, num_seeds, confirm)[1] for results in ends)


@pytest.mark.parametrize(("num_seeds", "confirm"), CASES)
def test_no_seed_is_wanted_that_a_verdict_could_do_without(
    num_seeds: int, confirm: bool
) -> None:
    for known in itertools.product([T, F, None], repeat=num_seeds + 2):
        outcomes = {seed: result for seed, result in enumerate(known) if result}
        now = judge(outcomes, first_seed=0, num_seeds=num_seeds, confirm=confirm)
        needed = set(range(num_needed(known, num_seeds, confirm)))
        assert set(now.wanted) <= needed - set(outcomes)
        assert (now.verdict is None) == bool(now.wanted)


@pytest.mark.parametrize(("num_seeds", "confirm"), CASES)
def test_as_many_seeds_are_wanted_at_once_as_any_verdict_needs(
    num_seeds: int, confirm: bool
) -> None:
    """So that as many workers as possible have work."""
    most = num_seeds + 2
    for results in itertools.product([T, F], repeat=most):
        known = 0
        while known < decision(results, num_seeds, confirm)[1]:
            outcomes = dict(enumerate(results[:known]))
            partial = [*results[:known], *[None] * (most - known)]
            needed = num_needed(partial, num_seeds, confirm)
            now = judge(outcomes, first_seed=0, num_seeds=num_seeds, confirm=confirm)
            assert now.wanted == tuple(range(known, needed))
            known = needed


@pytest.mark.parametrize(("num_seeds", "confirm"), CASES)
def test_a_failed_measurement_that_counts_leaves_the_verdict_unknown(
    num_seeds: int, confirm: bool
) -> None:
    """And the same seeds are trained in whatever order they end."""
    order = random.Random(0)
    for results in itertools.product([T, F, X], repeat=num_seeds + 2):
        by_seed = dict(enumerate(results))
        ends = [settle(by_seed, num_seeds, confirm, 0, order) for _ in range(3)]
        end, trained = ends[0]
        assert ends == [ends[0]] * 3
        assert trained == set(end.asked)
        assert (end.verdict is Verdict.UNKNOWN) == (
            X in [by_seed[seed] for seed in end.asked]
        )
        if end.verdict is not Verdict.UNKNOWN:
            assert (end.verdict, len(end.asked)) == decision(
                results, num_seeds, confirm
            )


@pytest.mark.parametrize("kind", [o for o in Outcome if not o.is_evidence])
def test_no_kind_of_failed_measurement_counts_as_a_failure(kind: Outcome) -> None:
    end = judge({0: kind}, first_seed=0, num_seeds=1, confirm=False)
    assert end == Judgement(Verdict.UNKNOWN, (0,))


@pytest.mark.parametrize("kind", [o for o in Outcome if o.is_evidence])
def test_every_evidence_but_trained_counts_as_a_failure(kind: Outcome) -> None:
    end = judge({0: kind}, first_seed=0, num_seeds=1, confirm=False)
    assert end.verdict is (Verdict.TRAINS if kind is T else Verdict.FAILS)
