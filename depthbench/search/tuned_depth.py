"""One depth of a search for learning rates, too: does it train at the best one?"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from depthbench.search.measured import Key, Measured, Trials
from depthbench.search.rate import RateSearch, TriedRate
from depthbench.spec import Cell, TrialSpec
from depthbench.spec.rate import DEFAULT_RANGE
from depthbench.verdict import Judgement, Verdict, judge

# Trials of one depth that may fail to be measured before the search stops there.
MAX_NOT_MEASURED = 2


@dataclass(frozen=True, slots=True)
class TunedDepth:
    """Where the tuning of one depth stands.

    Attributes:
        verdict: None while trials are wanted.
        lr: The rate that the verdict is of, the best one; None before there is one.
        seeds: Those that the verdict rests on.
        asked: Trials asked for so far, in order.
        wanted: Those to run now.
    """

    verdict: Verdict | None
    lr: float | None
    seeds: tuple[int, ...]
    asked: tuple[TrialSpec, ...]
    wanted: tuple[TrialSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tuning:
    """The tuning of one depth while it is folded over what is stored.

    Attributes:
        asked: Grows as the fold goes on.
    """

    cell: Cell
    stored: Trials
    depth: int
    asked: list[TrialSpec]

    def ask(self, lr: float, seeds: Iterable[int]) -> tuple[TrialSpec, ...]:
        """Ask for trials; returns those that are not stored."""
        specs = [self.cell.trial(self.depth, seed, lr=lr) for seed in seeds]
        self.asked.extend(spec for spec in specs if spec not in self.asked)
        return tuple(spec for spec in specs if Key.of(spec) not in self.stored)

    def first(self, lr: float) -> Measured:
        """What came of the rate at the first seed."""
        return self.stored[Key(self.depth, self.cell.search.first_seed, lr)]

    def judged(self, lr: float, *, confirm: bool) -> Judgement:
        """The majority at this rate of seeds that had no say in choosing it."""
        outcomes = {
            key.seed: trial.outcome
            for key, trial in self.stored.items()
            if key.depth == self.depth and key.lr == lr
        }
        return judge(
            outcomes,
            first_seed=self.cell.search.first_seed + 1,
            num_seeds=self.cell.search.seeds,
            confirm=confirm,
        )

    def error(self, lr: float, seeds: Sequence[int]) -> float | None:
        """Mean over the measured trials at this rate; None without any."""
        found = [
            self.stored[Key(self.depth, seed, lr)].error
            for seed in (self.cell.search.first_seed, *seeds)
        ]
        errors = [error for error in found if error is not None]
        return sum(errors) / len(errors) if errors else None

    def standing(
        self,
        verdict: Verdict | None,
        lr: float | None,
        seeds: tuple[int, ...] = (),
        wanted: tuple[TrialSpec, ...] = (),
    ) -> TunedDepth:
        """As a value."""
        return TunedDepth(verdict, lr, seeds, tuple(self.asked), wanted)


def tune_depth(
    cell: Cell,
    stored: Trials,
    depth: int,
    *,
    first: tuple[float, ...],
    confirm: bool,
) -> TunedDepth:
    """Where a depth stands: whether the best of `tune_lr` rates trains.

    Rates are tried at the first seed: the first of `first` alone, then `ahead` at once,
    suggested from the errors of those before. One that trains there is judged by a
    majority of `seeds` other seeds, since a rate that was chosen because one seed
    trained would look better on that seed than it is. If they decide that it trains,
    so does the depth; if not, the mean error over its seeds is what the search goes by,
    and the next rates are tried. When all were tried, the verdict is that of the rate
    of lowest error. So it never rests on a single seed, and several rates that each
    train by luck have several chances: with p the chance to train, m of them are found
    to train with a chance of at most m times that of a majority at p.

    A trial that could not be measured counts as failed, and its rate is spent;
    after `MAX_NOT_MEASURED` of them there is no verdict.

    A stored trial at this depth and the first seed whose rate nobody asked for, as
    another version of Optuna may leave behind, stands in for a suggestion that is not
    stored: nothing that was trained is lost.

    Args:
        cell: One that searches for its rate.
        stored: Of the cell.
        depth: On the grid.
        first: Rates to try before any suggestion, the best guess first.
        confirm: Whether "fails" needs one failed seed more.
    """
    search = cell.search
    tuning = _Tuning(cell, stored, depth, asked=[])
    tried: tuple[TriedRate, ...] = ()
    while len(tried) < search.tune_lr:
        rates = _next_rates(tuning, tried, first)
        wanted = [spec for lr in rates for spec in tuning.ask(lr, [search.first_seed])]
        if wanted:
            return tuning.standing(None, None, wanted=tuple(wanted))
        good = [lr for lr in rates if tuning.first(lr).trained]
        for lr in sorted(good, key=lambda lr: tuning.first(lr).error or 0.0):
            found = _decide(tuning, lr, confirm=False)
            if found.verdict is not Verdict.FAILS:
                return found
        tried += tuple(_tried(tuning, lr) for lr in rates)
        if sum(each.has_failed for each in tried) >= min(
            MAX_NOT_MEASURED, search.tune_lr
        ):
            return tuning.standing(Verdict.UNKNOWN, None)
    best = min(tried, key=lambda each: math.inf if each.error is None else each.error)
    return _decide(tuning, best.lr, confirm=confirm)


def _decide(tuning: _Tuning, lr: float, *, confirm: bool) -> TunedDepth:
    judgement = tuning.judged(lr, confirm=confirm)
    wanted = tuning.ask(lr, judgement.asked)
    return tuning.standing(judgement.verdict, lr, judgement.asked, wanted)


def _tried(tuning: _Tuning, lr: float) -> TriedRate:
    first = tuning.first(lr)
    if first.error is None:
        return TriedRate(lr, has_failed=True)
    if not first.trained:
        return TriedRate(lr, first.error)
    return TriedRate(lr, tuning.error(lr, tuning.judged(lr, confirm=False).asked))


def _next_rates(
    tuning: _Tuning, tried: tuple[TriedRate, ...], first: tuple[float, ...]
) -> list[float]:
    """The rates of the next round; of stored trials where those are not stored."""
    spec, depth = tuning.cell.search, tuning.depth
    low, high = tuning.cell.rate.range or DEFAULT_RANGE
    search = RateSearch(low=low, high=high, seed=(spec.first_seed, depth))
    rates: list[float] = []
    size = min(spec.ahead if tried else 1, spec.tune_lr - len(tried))
    while len(rates) < size:
        known = (*tried, *(TriedRate(lr) for lr in rates))
        given = [lr for lr in first if lr not in {each.lr for each in known}]
        rates.append(given[0] if given else _unused(search, known))
    used = {*rates, *(each.lr for each in tried)}
    spare = [
        key.lr
        for key in tuning.stored
        if key[:2] == (depth, spec.first_seed) and key.lr not in used
    ]
    for place, lr in enumerate(rates):
        if Key(depth, spec.first_seed, lr) not in tuning.stored and spare:
            rates[place] = min(spare, key=lambda each: (abs(math.log(each / lr)), each))
            spare.remove(rates[place])
    return rates


def _unused(search: RateSearch, known: tuple[TriedRate, ...]) -> float:
    """The suggestion; or where rounding made it one that was tried, one beside it."""
    lr = search.suggest(known)
    taken = {each.lr for each in known}
    beside = (
        float(f"{lr * (1 + sign * step / 100_000):.6g}")
        for step in itertools.count()
        for sign in (1, -1)
    )
    return next(
        rate
        for rate in beside
        if search.low <= rate <= search.high and rate not in taken
    )
