"""The search, over all patterns of what trains, also those that are not monotone."""

import itertools
from collections.abc import Callable, Iterator
from math import ceil, log2

import pytest

from depthbench.search import BracketSearch, Probe
from depthbench.spec import DepthGrid
from depthbench.verdict import Verdict

GRIDS = [DepthGrid(3, 3), DepthGrid(1, 1), DepthGrid(2, 6), DepthGrid(5, 4)]

# Indices on the grid: the cap, and the bracket to start from.
STARTS = [
    *((cap, None) for cap in (0, 1, 2, 6, 9)),
    *((9, bracket) for bracket in ((0, 1), (0, 9), (2, 5), (4, 5), (8, 9), (3, 9))),
    *((6, bracket) for bracket in ((0, 6), (2, 4), (5, 6))),
]


def all_searches() -> Iterator[BracketSearch]:
    for grid, (cap, bracket) in itertools.product(GRIDS, STARTS):
        depths = range(grid.start, 1000, grid.step)
        low_high = None if bracket is None else (depths[bracket[0]], depths[bracket[1]])
        yield BracketSearch(grid=grid, cap=depths[cap], bracket=low_high)


SEARCHES = list(all_searches())


def run(
    search: BracketSearch, trains: Callable[[int], bool]
) -> tuple[BracketSearch, list[Probe]]:
    probes: list[Probe] = []
    while (probe := search.next()) is not None:
        assert not search.is_done
        assert len(probes) < 1000
        probes.append(probe)
        verdict = Verdict.TRAINS if trains(probe.depth) else Verdict.FAILS
        search = search.observe(probe.depth, verdict)
    assert search.is_done
    return search, probes


@pytest.mark.parametrize("start", SEARCHES, ids=repr)
def test_every_search_ends_with_what_it_saw(start: BracketSearch) -> None:
    depths = range(start.grid.start, start.cap + 1, start.grid.step)
    most = 2 * ceil(log2(len(depths) + 1)) + (2 if start.bracket else 0)
    for pattern in itertools.product([True, False], repeat=len(depths)):
        trained = dict(zip(depths, pattern, strict=True))
        end, probes = run(start, trained.__getitem__)
        seen = [probe.depth for probe in probes]
        assert len(set(seen)) == len(seen) <= most
        assert end.unknown is None
        if end.fails is None:
            assert end.trains == start.cap
            assert not end.is_witnessed
        elif end.trains is None:
            assert end.fails == start.grid.start
            assert not end.is_witnessed
        else:
            assert end.fails == end.trains + start.grid.step
            assert end.is_witnessed
        for depth, state in ((end.trains, True), (end.fails, False)):
            assert depth is None or (depth in seen and trained[depth] is state)
        if sorted(pattern, reverse=True) == list(pattern):
            assert end.trains == max((d for d in depths if trained[d]), default=None)
        replayed = start
        for number, (depth, confirm) in enumerate((p.depth, p.confirm) for p in probes):
            assert confirm is all(trained[earlier] for earlier in seen[:number])
            verdict = Verdict.TRAINS if trained[depth] else Verdict.FAILS
            replayed = replayed.observe(depth, verdict)
        assert replayed == end


@pytest.mark.parametrize("grid", GRIDS, ids=repr)
def test_wherever_the_limit_is_it_is_found_from_below_in_few_probes(
    grid: DepthGrid,
) -> None:
    depths = range(grid.start, 1001, grid.step)
    start = BracketSearch(grid=grid, cap=depths[-1])
    for limit in [0, *depths]:
        end, probes = run(start, lambda depth, limit=limit: depth <= limit)  # type: ignore[misc]
        assert end.trains == (limit or None)
        assert len(probes) <= 2 * ceil(log2(len(depths) + 1))
        # Training time grows with depth: no probe far beyond what trains.
        deepest = max(probe.depth for probe in probes)
        assert deepest <= max(2 * limit, limit + grid.step, grid.start)


def test_a_network_that_dies_at_9_is_never_tried_beyond_12() -> None:
    start = BracketSearch(grid=DepthGrid(), cap=768)
    end, probes = run(start, lambda depth: depth < 9)
    assert [probe.depth for probe in probes] == [3, 6, 12, 9]
    assert (end.trains, end.fails) == (6, 9)


def test_a_bracket_is_tried_from_below_and_left_where_it_is_wrong() -> None:
    start = BracketSearch(grid=DepthGrid(), cap=96, bracket=(12, 33))
    inside = [12, 33, 21, 15, 18]
    assert [p.depth for p in run(start, lambda depth: depth <= 15)[1]] == inside
    below = [12, 6, 9]
    assert [p.depth for p in run(start, lambda depth: depth <= 6)[1]] == below
    above = [12, 33, 66, 96, 81, 87, 90, 93]
    assert [p.depth for p in run(start, lambda depth: depth <= 93)[1]] == above


@pytest.mark.parametrize("start", SEARCHES, ids=repr)
def test_an_unknown_verdict_stops_the_search_where_it_is(start: BracketSearch) -> None:
    limit = start.grid.start + 4 * start.grid.step
    _, probes = run(start, lambda depth: depth <= limit)
    search = start
    for probe in probes:
        stopped = search.observe(probe.depth, Verdict.UNKNOWN)
        assert stopped.next() is None
        assert stopped.is_done
        assert stopped.unknown == probe.depth
        assert (stopped.trains, stopped.fails) == (search.trains, search.fails)
        assert stopped.num_probes_expected() == 0
        verdict = Verdict.TRAINS if probe.depth <= limit else Verdict.FAILS
        search = search.observe(probe.depth, verdict)


@pytest.mark.parametrize("start", SEARCHES, ids=repr)
def test_the_number_of_probes_expected_is_never_too_low_in_a_bracket(
    start: BracketSearch,
) -> None:
    for index in range(11):
        limit = start.grid.start + index * start.grid.step
        search, probes = start, run(start, lambda depth: depth < limit)[1]  # noqa: B023
        for number, probe in enumerate(probes):
            left = len(probes) - number
            expected = search.num_probes_expected()
            assert expected >= 1
            if search.trains is not None and search.fails is not None:
                assert left <= expected <= left + 1
            verdict = Verdict.TRAINS if probe.depth < limit else Verdict.FAILS
            search = search.observe(probe.depth, verdict)
        assert search.num_probes_expected() == 0
