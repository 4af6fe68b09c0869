"""The fold of a posterior search: a sequence of trials, chosen a few ahead.

The n-th trial is chosen from the outcomes of the first n - ahead + 1 and from the
depths of the `ahead` - 1 in between, whose outcomes need not be known then. So up to
`ahead` trials are under way at once, and still the sequence is a function of the
outcomes alone: of neither the number of workers, nor of which trial ends first.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from depthbench.plan.measured import Measured, MeasuredTrials
from depthbench.plan.state import CellPlan, LimitedBy, from_trials
from depthbench.search import PosteriorSearch
from depthbench.spec import Budget, Cell, StudySpec, parse_budget

# Trials of one depth that may fail to be measured before the search stops there.
MAX_LOST = 2


def posterior_search(cell: Cell, study: StudySpec) -> PosteriorSearch:
    """How a posterior search of `cell` chooses, and when it has seen enough."""
    return PosteriorSearch(
        grid=cell.grid,
        cap=cell.grid.floor(study.cap),
        bracket=study.depths,
        precision=study.precision,
        max_trials=study.max_trials,
    )


def plan_posterior(cell: Cell, study: StudySpec, measured: MeasuredTrials) -> CellPlan:
    """Where the search stands.

    The n-th trial at a depth has the n-th seed, so depths share their seeds. A trial
    that could not be measured is passed over: it counts neither as trained nor as
    failed, and the next one at its depth has the next seed. After `MAX_LOST` of them
    at one depth the search stops without a verdict there. Trials already chosen when
    the search stops are still run.
    """
    search = posterior_search(cell, study)
    budget = parse_budget(study.budget) if study.budget else None
    chosen: list[tuple[int, int]] = []
    while True:
        known = chosen[: max(0, len(chosen) - study.ahead + 1)]
        if any(trial not in measured for trial in known):
            end = _End()
            break
        pending = [depth for depth, _ in chosen[len(known) :]]
        seen = [(depth, measured[depth, seed]) for depth, seed in known]
        end = _end(search, seen, pending, budget, study)
        if end.is_end:
            break
        depth = _next_depth(search, _observed(seen), tuple(pending))
        if depth is None:
            end = _End(is_end=True)
            break
        seed = study.first_seed + sum(depth == other for other, _ in chosen)
        chosen.append((depth, seed))
    return _plan(cell, study, measured, chosen, end)
