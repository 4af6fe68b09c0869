"""The fold of a grid, and the cut that speaks for trials at many depths."""

import itertools
import random
from dataclasses import replace

import pytest
from builders import under
from posterior_cases import CELL, record_of, world

from depthbench.record import Outcome
from depthbench.search import check_search, plan_cell
from depthbench.search.grid import coarse_to_fine
from depthbench.search.plan import split
from depthbench.spec import StudySpec
from depthbench.verdict import Verdict

STUDY = StudySpec(arch=("net",), search="grid", depths=(6, 30), seeds=2, first_seed=3)
GRID_CELL = under(STUDY, CELL)


def contradictions(observations, cut):
    """Trials that failed up to `cut` or trained beyond it."""
    return sum(trained is not (depth <= cut) for depth, trained in observations)


def test_the_cut_is_the_shallowest_that_the_fewest_trials_contradict():
    """Against all cuts, for all outcomes of up to seven trials at four depths."""
    depths = (3, 6, 6, 9, 9, 9, 15)
    for length in range(len(depths) + 1):
        for outcomes in itertools.product([True, False], repeat=length):
            seen = list(zip(depths, outcomes, strict=False))
            trains, fails = split(random.Random(length).sample(seen, length))
            probed = sorted({depth for depth, _ in seen})
            cuts = [0, *probed]
            best = min(cuts, key=lambda cut: (contradictions(seen, cut), cut))
            assert (trains or 0) == best
            assert fails == next((d for d in probed if d > best), None)
            # What it names is what most trials there say.
            if trains is not None:
                good = [trained for depth, trained in seen if depth == trains]
                assert sum(good) > len(good) / 2
            if fails is not None:
                good = [trained for depth, trained in seen if depth == fails]
                assert sum(good) <= len(good) / 2


@pytest.mark.parametrize("number", range(2, 40))
def test_coarse_before_fine(number):
    depths = list(range(3, 3 + 3 * number, 3))
    ordered = coarse_to_fine(depths)
    assert sorted(ordered) == depths
    assert ordered[:2] == [depths[0], depths[-1]]
    gaps = []
    for length in range(2, number + 1):
        shown = sorted(ordered[:length])
        gaps.append(max(b - a for a, b in itertools.pairwise(shown)))
    assert gaps == sorted(gaps, reverse=True)
    # Halved with every round of as many depths again, but for uneven halves.
    for length, gap in enumerate(gaps, start=2):
        whole_rounds = (length - 1).bit_length() - (not (length - 1) & (length - 2))
        assert gap <= 3 * -(-(number - 1) // 2 ** (whole_rounds - 1))


def test_every_depth_and_seed_once_and_all_at_once():
    plan = plan_cell(GRID_CELL, [])
    trials = [(spec.depth, spec.seed) for spec in plan.wanted]
    assert sorted(trials) == list(itertools.product(range(6, 31, 3), (3, 4)))
    assert trials[:4] == [(6, 3), (6, 4), (30, 3), (30, 4)]
    assert plan.num_left == 18
    assert plan.layer_epochs_left == 3 * sum(depth for depth, _ in trials)


@pytest.mark.parametrize("ends", [(4, 8), (6, 6), (5, 7), (1, 6), (3, 9)])
def test_only_depths_that_exist_are_trained(ends):
    """Architectures of one study have different grids."""
    plan = plan_cell(under(replace(STUDY, depths=ends), CELL), [])
    low, high = ends
    inside = {depth for depth in range(low, high + 1) if CELL.grid.contains(depth)}
    assert {spec.depth for spec in plan.wanted} == inside


def test_ends_without_a_depth_between_them_are_refused():
    with pytest.raises(ValueError, match="4 is not on the depth grid"):
        plan_cell(under(replace(STUDY, depths=(4, 5)), CELL), [])


def test_any_order_and_any_part_leave_the_rest():
    train = world(4)
    asked = plan_cell(GRID_CELL, []).asked
    records = [train(spec) for spec in asked]
    end = plan_cell(GRID_CELL, records)
    assert end.is_done
    for number in range(20):
        part = random.Random(number).sample(records, number % 18)
        plan = plan_cell(GRID_CELL, part)
        stored = {record.id for record in part}
        assert [s.id for s in plan.wanted] == [
            s.id for s in asked if s.id not in stored
        ]
        again = plan_cell(GRID_CELL, [*part, *(train(spec) for spec in plan.wanted)])
        assert again == end


def test_its_bracket_probes_and_censored_ends():
    def ending(limit):
        return plan_cell(
            GRID_CELL,
            [
                record_of(s, Outcome.TRAINED if s.depth <= limit else Outcome.DIVERGED)
                for s in plan_cell(GRID_CELL, []).wanted
            ],
        )

    inside = ending(20)
    assert (inside.trains, inside.fails, inside.is_witnessed) == (18, 21, True)
    assert [probe.depth for probe in inside.probes] == list(range(6, 31, 3))
    for probe in inside.probes:
        assert probe.verdict is (Verdict.TRAINS if probe.depth <= 20 else Verdict.FAILS)
        assert probe.seeds == (3, 4)
    above, below = ending(99), ending(0)
    assert (above.trains, above.fails, above.is_witnessed) == (30, None, False)
    assert (below.trains, below.fails, below.is_witnessed) == (None, 6, False)


def test_a_lost_trial_is_noted_and_not_counted():
    wanted = plan_cell(GRID_CELL, []).wanted
    records = [record_of(spec, Outcome.TRAINED) for spec in wanted[1:]]
    lost = record_of(wanted[0], Outcome.OUT_OF_MEMORY)
    plan = plan_cell(GRID_CELL, [lost, *records])
    assert plan.is_done
    assert plan.not_measured == (wanted[0],)
    assert len(plan.observations) == len(wanted) - 1
    assert plan.unknown is None


def test_a_grid_takes_an_even_number_of_seeds_and_a_bisection_does_not():
    check_search(under(replace(STUDY, seeds=4), CELL))
    with pytest.raises(ValueError, match="seeds = 2: an odd number"):
        check_search(under(StudySpec(arch=("net",), seeds=2), CELL))
