"""How much training a posterior search still needs: it is played to its end.

Each outcome of a play has the chance that the trials before it give it, so that plays
are draws of what may come; evenly spread numbers stand in for random ones. The prior is
wide on purpose and holds curves that fall more slowly than most, on which a search
takes longer. So the lower quartile of the plays, and not their mean or median, is
closest to what three searches in results/notebook took (`tests/study/test_time_left`).
"""

import functools

from depthbench.search.information import PosteriorSearch

NUM_PLAYS = 15
# Multiples of it, modulo 1, are spread evenly however many there are.
_GOLDEN_RATIO = 0.6180339887498949


@functools.lru_cache(maxsize=64)
def expected_layers(
    search: PosteriorSearch,
    observed: tuple[tuple[int, bool], ...],
    asked: tuple[int, ...],
    failed_share: float,
) -> float:
    """Sum of the depths still to be trained, the lower quartile of some plays.

    Args:
        search: How depths are chosen, and when it ends.
        observed: Trials (depth, trained) so far.
        asked: Depths that are to be trained next, or are in training.
        failed_share: Part of a whole training that one which fails takes.
    """
    plays = (
        _played(search, observed, asked, failed_share, play / NUM_PLAYS)
        for play in range(NUM_PLAYS)
    )
    return sorted(plays)[NUM_PLAYS // 4]


def _played(
    search: PosteriorSearch,
    observed: tuple[tuple[int, bool], ...],
    asked: tuple[int, ...],
    failed_share: float,
    start: float,
) -> float:
    seen, to_come, layers = list(observed), list(asked), 0.0
    while True:
        depth = to_come.pop(0) if to_come else search.next_depth(seen, ())
        if depth is None:
            return layers
        posterior = search.posterior(seen)
        chance = float((posterior.weights * posterior.grid.success(depth)).sum())
        trained = (start + _GOLDEN_RATIO * (1 + len(seen))) % 1 < chance
        layers += depth * (1 if trained else failed_share)
        seen.append((depth, trained))
