"""The fold of a posterior search: a sequence of trials, chosen a few ahead.

The n-th trial is chosen from the outcomes of all before it but the last `ahead` - 1,
of which the depths alone are used. So up to `ahead` trials are under way at once, and
still the sequence is a function of the outcomes: of neither the number of workers, nor
of which trial ends first.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from depthbench.plan.measured import Measured, MeasuredTrials, measured_trials
from depthbench.plan.state import CellPlan, End, from_trials
from depthbench.record import TrialRecord
from depthbench.search import PosteriorSearch
from depthbench.spec import Budget, Cell, StudySpec, parse_budget

# Trials of one depth that may fail to be measured before the search stops there.
MAX_LOST = 2

Trial = tuple[int, int]  # depth, seed


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
    at one depth the search stops without a verdict there.
    """
    search = posterior_search(cell, study)
    chosen, end = _sequence(search, study, measured)
    known = [(t[0], measured[t]) for t in chosen if t in measured]
    missing = [depth for depth, seed in chosen if (depth, seed) not in measured]
    num_chosen_later = 0
    if end is None:
        num_chosen_later = max(
            0, study.max_trials - len(_observed(known)) - len(missing)
        )
    return from_trials(
        cell,
        study,
        chosen,
        measured,
        end=end or End(),
        num_left=len(missing) + num_chosen_later,
        layer_epochs_left=_layer_epochs_left(study, known, missing, num_chosen_later),
    )


def posterior_end(
    cell: Cell, study: StudySpec, records: Iterable[TrialRecord]
) -> End | None:
    """Why the search needs no further trial, given all that is stored; None if it does.

    Whoever chose the trials: an earlier version of the search, or one that a lost
    trial led astray.
    """
    measured = measured_trials(cell, records)
    search = posterior_search(cell, study)
    trials = sorted(measured)
    choice = _choose(search, study, measured, trials, len(trials))
    return choice if isinstance(choice, End) else None


def _sequence(
    search: PosteriorSearch, study: StudySpec, measured: MeasuredTrials
) -> tuple[list[Trial], End | None]:
    """The trials chosen so far; and why no more are, unless outcomes are missing.

    The end is found with nothing under way: what still was may have asked for more.
    """
    chosen: list[Trial] = []
    while True:
        num_known = max(0, len(chosen) - study.ahead + 1)
        if any(trial not in measured for trial in chosen[:num_known]):
            return chosen, None
        choice = _choose(search, study, measured, chosen, num_known)
        if isinstance(choice, End) and num_known < len(chosen):
            if any(trial not in measured for trial in chosen):
                return chosen, None
            choice = _choose(search, study, measured, chosen, len(chosen))
        if isinstance(choice, End):
            return chosen, choice
        num_there = sum(depth == choice for depth, _ in chosen)
        chosen.append((choice, study.first_seed + num_there))


def _choose(
    search: PosteriorSearch,
    study: StudySpec,
    measured: MeasuredTrials,
    chosen: Sequence[Trial],
    num_known: int,
) -> int | End:
    """The next depth, from the outcomes of the first `num_known` trials."""
    known = [(trial[0], measured[trial]) for trial in chosen[:num_known]]
    pending = tuple(depth for depth, _ in chosen[num_known:])
    lost = Counter(depth for depth, trial in known if not trial.is_evidence)
    stuck = [depth for depth, number in lost.items() if number >= MAX_LOST]
    if stuck:
        return End(unknown=min(stuck))
    if study.budget is not None:
        budget = parse_budget(study.budget)
        if _spent(budget, study, known, pending) >= budget.amount:
            return End(limited_by="budget")
    depth = _next_depth(search, _observed(known), pending)
    if depth is not None:
        return depth
    is_settled = search.is_settled(_observed(known))
    return End(limited_by=None if is_settled else "max_trials")


@lru_cache(maxsize=4096)
def _next_depth(
    search: PosteriorSearch,
    observed: tuple[tuple[int, bool], ...],
    pending: tuple[int, ...],
) -> int | None:
    """The search's choice, remembered: the fold asks for all of them every time."""
    return search.next_depth(observed, pending)


def _observed(
    known: Sequence[tuple[int, Measured]],
) -> tuple[tuple[int, bool], ...]:
    return tuple((depth, trial.trained) for depth, trial in known if trial.is_evidence)


def _spent(
    budget: Budget,
    study: StudySpec,
    known: Sequence[tuple[int, Measured]],
    pending: Sequence[int],
) -> float:
    """What the trials used, in the budget's unit; pending ones at the pace so far.

    A time limit is the most that these are charged, although it leaves out tests.
    """
    layer_epochs = sum(trial.layer_epochs for _, trial in known)
    under_way = [study.epochs * depth for depth in pending]
    if budget.unit == "layer_epochs":
        return layer_epochs + sum(under_way)
    seconds = sum(trial.seconds for _, trial in known)
    pace = seconds / layer_epochs if layer_epochs else 0.0
    longest = math.inf if study.max_train_seconds is None else study.max_train_seconds
    return seconds + sum(min(pace * work, longest) for work in under_way)


def _layer_epochs_left(
    study: StudySpec,
    known: Sequence[tuple[int, Measured]],
    missing: Sequence[int],
    num_chosen_later: int,
) -> float:
    """If every trial the search may still choose is made, as deep as those so far."""
    depths = [*(depth for depth, _ in known), *missing]
    typical = sum(depths) / len(depths) if depths else 0
    left = study.epochs * (sum(missing) + num_chosen_later * typical)
    if study.budget is None or not known:
        return left
    budget = parse_budget(study.budget)
    spent = _spent(budget, study, known, ())
    used = sum(trial.layer_epochs for _, trial in known)
    # In layer-epochs, whatever the unit of the budget.
    rest = (budget.amount - spent) * (used / spent if spent else 0)
    return min(left, max(rest, study.epochs * sum(missing)))
