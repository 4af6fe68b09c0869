"""`posterior`: each trial where it tells most about k50 for what it costs.

The n-th trial is chosen from the outcomes of all before it but the last `ahead` - 1,
of which the depths alone are used. So up to `ahead` trials are under way at once, and
still the sequence is a function of the outcomes: of neither the number of workers, nor
of which trial ends first.
"""

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from depthbench.curves import Prior
from depthbench.curves.words import estimate_text
from depthbench.search.expected import expected_layers
from depthbench.search.information import NUM_WITNESSES, PosteriorSearch
from depthbench.search.measured import BySeed, Measured, Trials, by_seed
from depthbench.search.plan import CellPlan, End, from_trials
from depthbench.search.start import first_depths
from depthbench.search.strategy import CUT_SENTENCE, Strategy
from depthbench.spec import Budget, Cell, SearchSpec
from depthbench.spec.budget import parse_budget
from depthbench.text import count, short_percent

# Trials of one depth that may fail to be measured before the search stops there.
MAX_NOT_MEASURED = 2

_START = (
    " Where there is a forecast, the first two are made at its low end and at the "
    "forecast itself; it has no other part in the answer."
)
_BEFORE = "before the precision asked for"

Trial = tuple[int, int]  # depth, seed


class Posterior(Strategy):
    """A sequence of trials, chosen a few ahead."""

    settings = frozenset(
        [
            "first_seed",
            "depths",
            "cap",
            "precision",
            "max_trials",
            "budget",
            "ahead",
            "start",
        ]
    )
    prior = Prior()
    may_end_early = True

    def plan(self, cell: Cell, trials: Trials) -> CellPlan:
        """Where the search stands.

        The n-th trial at a depth has the n-th seed. A trial that could not be measured
        is passed over: it counts neither as trained nor as failed, and the next one at
        its depth has the next seed. After `MAX_NOT_MEASURED` of them at one depth the
        search stops without a verdict there.
        """
        measured = by_seed(trials)
        chosen, end = _sequence(cell, measured)
        known = [(t[0], measured[t]) for t in chosen if t in measured]
        missing = [depth for depth, seed in chosen if (depth, seed) not in measured]
        num_chosen_later = 0
        if end is None:
            most = cell.search.max_trials
            num_chosen_later = max(0, most - len(_observed(known)) - len(missing))
        return from_trials(
            cell,
            chosen,
            measured,
            end=end or End(),
            num_left=len(missing) + num_chosen_later,
            at_once=cell.search.ahead,
            layer_epochs_left=_layer_epochs_left(
                cell, known, missing, num_chosen_later
            ),
        )

    def end(self, cell: Cell, trials: Trials) -> End | None:
        """Why the search needs no further trial, given all that is stored."""
        measured = by_seed(trials)
        choice = _choose(cell, measured, sorted(measured), len(measured))
        return choice if isinstance(choice, End) else None

    def standing(self, plan: CellPlan) -> str:
        """As in: "k50 47 (41 to 53)"."""
        curve = self.curve(plan, plan.observations)
        k50 = estimate_text(curve.k50()) if curve else ""
        return f"k50 {k50}" if k50 else ""

    def expected_layer_epochs(self, plan: CellPlan, failed_share: float) -> float:
        """From plays of how the search may go on, within its budget."""
        if plan.is_done:
            return 0.0
        asked = tuple(spec.depth for spec in plan.wanted)
        search, seen = posterior_search(plan.cell), plan.observations
        expected = plan.cell.template.epochs * expected_layers(
            search, seen, asked, failed_share
        )
        has_budget = plan.cell.search.budget is not None
        return min(expected, plan.layer_epochs_left) if has_budget else expected

    def overview(self, search: SearchSpec) -> str:
        """One sentence on how depths are chosen."""
        del search
        return (
            "Each architecture was trained at growing depth k until it no longer "
            "learned."
        )

    def explanation(self, search: SearchSpec) -> tuple[str, ...]:
        """How depths are chosen and decided."""
        budget = f", or {search.budget} of training" if search.budget else ""
        return (
            "Each trial is made at the depth, up to "
            f"{search.cap}, where it is expected to tell most about k50 for what it "
            "costs, given the outcomes before it."
            f"{_START if search.start == 'forecast' else ''}",
            "The search ends when k50 is known to within "
            f"{short_percent(search.precision)}, or half a step between depths, with "
            f"{NUM_WITNESSES} trainings that succeeded below it and {NUM_WITNESSES} "
            "that failed above; or when it is known to lie outside the depths; or "
            f"after {count(search.max_trials, 'trial')}{budget}.",
            CUT_SENTENCE,
        )


def posterior_search(cell: Cell) -> PosteriorSearch:
    """How a posterior search of `cell` chooses, and when it has seen enough."""
    search, cap = cell.search, cell.grid.floor(cell.search.cap)
    forecast = cell.forecast if search.start == "forecast" else None
    return PosteriorSearch(
        grid=cell.grid,
        cap=cap,
        bracket=search.depths or first_depths(forecast, cell.grid, cap),
        precision=search.precision,
        max_trials=search.max_trials,
    )


def _sequence(cell: Cell, measured: BySeed) -> tuple[list[Trial], End | None]:
    """The trials chosen so far; and why no more are, unless outcomes are missing.

    The end is found with nothing under way: what still was may have asked for more.
    """
    chosen: list[Trial] = []
    while True:
        num_known = max(0, len(chosen) - cell.search.ahead + 1)
        if any(trial not in measured for trial in chosen[:num_known]):
            return chosen, None
        choice = _choose(cell, measured, chosen, num_known)
        if isinstance(choice, End) and num_known < len(chosen):
            if any(trial not in measured for trial in chosen):
                return chosen, None
            choice = _choose(cell, measured, chosen, len(chosen))
        if isinstance(choice, End):
            return chosen, choice
        num_there = sum(depth == choice for depth, _ in chosen)
        chosen.append((choice, cell.search.first_seed + num_there))


def _choose(
    cell: Cell, measured: BySeed, chosen: Sequence[Trial], num_known: int
) -> int | End:
    """The next depth, from the outcomes of the first `num_known` trials."""
    known = [(trial[0], measured[trial]) for trial in chosen[:num_known]]
    pending = tuple(depth for depth, _ in chosen[num_known:])
    failed = Counter(depth for depth, trial in known if not trial.is_evidence)
    given_up = [d for d, number in failed.items() if number >= MAX_NOT_MEASURED]
    if given_up:
        return End(unknown=min(given_up))
    if cell.search.budget is not None:
        budget = parse_budget(cell.search.budget)
        if _spent(budget, cell, known, pending) >= budget.amount:
            return End(limited_by=f"the budget was used up {_BEFORE}")
    search = posterior_search(cell)
    depth = _next_depth(search, _observed(known), pending)
    if depth is not None:
        return depth
    is_settled = search.is_settled(_observed(known))
    return End(limited_by=None if is_settled else f"the limit on trials came {_BEFORE}")


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
    cell: Cell,
    known: Sequence[tuple[int, Measured]],
    pending: Sequence[int],
) -> float:
    """What the trials used, in the budget's unit; pending ones at the pace so far.

    A time limit is the most that these are charged, although it leaves out tests.
    """
    layer_epochs = sum(trial.layer_epochs for _, trial in known)
    under_way = [cell.template.epochs * depth for depth in pending]
    if budget.unit == "layer_epochs":
        return layer_epochs + sum(under_way)
    seconds = sum(trial.seconds for _, trial in known)
    pace = seconds / layer_epochs if layer_epochs else 0.0
    limit = cell.template.max_train_seconds
    longest = math.inf if limit is None else limit
    return seconds + sum(min(pace * work, longest) for work in under_way)


def _layer_epochs_left(
    cell: Cell,
    known: Sequence[tuple[int, Measured]],
    missing: Sequence[int],
    num_chosen_later: int,
) -> float:
    """If every trial the search may still choose is made, as deep as those so far."""
    depths = [*(depth for depth, _ in known), *missing]
    typical = sum(depths) / len(depths) if depths else 0
    epochs = cell.template.epochs
    left = epochs * (sum(missing) + num_chosen_later * typical)
    if cell.search.budget is None or not known:
        return left
    budget = parse_budget(cell.search.budget)
    spent = _spent(budget, cell, known, ())
    used = sum(trial.layer_epochs for _, trial in known)
    # In layer-epochs, whatever the unit of the budget.
    rest = (budget.amount - spent) * (used / spent if spent else 0)
    return min(left, max(rest, epochs * sum(missing)))
