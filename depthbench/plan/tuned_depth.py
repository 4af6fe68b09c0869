"""One depth of a search for learning rates, too: does it train at the best one?"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from depthbench.plan.measured import Measured, measured_of, told_error
from depthbench.record import TrialRecord
from depthbench.search.rate import RateSearch, TriedRate
from depthbench.spec import Cell, StudySpec, TrialSpec
from depthbench.verdict import Judgement, Verdict, judge

# Trials of one depth that may fail to be measured before the search stops there.
MAX_LOST = 2


class RateTrial(NamedTuple):
    """A stored trial at some learning rate.

    Attributes:
        error: What an optimizer is told, see `told_error`.
    """

    measured: Measured
    error: float | None


RateTrials = Mapping[tuple[int, int, float], RateTrial]  # by depth, seed, rate


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


def rate_trials(cell: Cell, records: Iterable[TrialRecord]) -> RateTrials:
    """The trials of `cell` by depth, seed and rate; of several records the last.

    Without those that were stopped early, which are to be trained again.
    """
    return {
        (record.spec.depth, record.spec.seed, record.spec.lr): _rate_trial(cell, record)
        for record in records
        if cell.owns(record.spec) and not record.was_stopped
    }


def _rate_trial(cell: Cell, record: TrialRecord) -> RateTrial:
    measured = measured_of(cell, record)
    return RateTrial(measured, told_error(record, measured.outcome, cell.criterion))


@dataclass(frozen=True, slots=True)
class _Tuning:
    """The tuning of one depth while it is folded over what is stored.

    Attributes:
        asked: Grows as the fold goes on.
    """

    cell: Cell
    study: StudySpec
    stored: RateTrials
    depth: int
    asked: list[TrialSpec]

    def ask(self, lr: float, seeds: Iterable[int]) -> tuple[TrialSpec, ...]:
        """Ask for trials; returns those that are not stored."""
        specs = [self.cell.trial(self.depth, seed, lr=lr) for seed in seeds]
        self.asked.extend(spec for spec in specs if spec not in self.asked)
        return tuple(s for s in specs if (s.depth, s.seed, s.lr) not in self.stored)

    def first(self, lr: float) -> RateTrial:
        """What came of the rate at the first seed."""
        return self.stored[self.depth, self.study.first_seed, lr]

    def judged(self, lr: float, *, confirm: bool) -> Judgement:
        """The majority at this rate of seeds that had no say in choosing it."""
        outcomes = {
            seed: trial.measured.outcome
            for (depth, seed, rate), trial in self.stored.items()
            if depth == self.depth and rate == lr
        }
        return judge(
            outcomes,
            first_seed=self.study.first_seed + 1,
            num_seeds=self.study.seeds,
            confirm=confirm,
        )

    def error(self, lr: float, seeds: Sequence[int]) -> float | None:
        """Mean over the measured trials at this rate; None without any."""
        found = [
            self.stored[self.depth, seed, lr].error
            for seed in (self.study.first_seed, *seeds)
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
    study: StudySpec,
    stored: RateTrials,
    depth: int,
    *,
    first: tuple[float, ...],
    confirm: bool,
) -> TunedDepth:
    """Where a depth stands: whether the best of `study.tune_lr` rates trains.

    Rates are tried at the first seed: the first of `first` alone, then `study.ahead`
    at once, suggested from the errors of those before. One that trains there is
    judged by a majority of `study.seeds` other seeds, since a rate that was chosen
    because one seed trained would look better on that seed than it is. If they
    decide that it trains, so does the depth; if not, the mean error over its seeds is
    what the search is told, and the next rates are tried. When all were tried, the
    verdict is that of the rate of lowest error. So it never rests on a single seed,
    and several rates that each train by luck have several chances: with p the chance
    to train, m of them are found to train with a chance of at most m times that of a
    majority at p.

    A trial that could not be measured is told as failed, and its rate is spent;
    after `MAX_LOST` of them there is no verdict.

    A stored trial at this depth and the first seed whose rate nobody asked for, as
    another version of Optuna may leave behind, stands in for a suggestion that is not
    stored: nothing that was trained is lost.

    Args:
        cell: One that searches for its rate.
        study: Under `bisect`.
        stored: Of the cell.
        depth: On the grid.
        first: Rates to try before any suggestion, the best guess first.
        confirm: Whether "fails" needs one failed seed more.
    """
    tuning = _Tuning(cell, study, stored, depth, asked=[])
    tried: tuple[TriedRate, ...] = ()
    while len(tried) < study.tune_lr:
        rates = _next_rates(tuning, tried, first)
        wanted = [spec for lr in rates for spec in tuning.ask(lr, [study.first_seed])]
        if wanted:
            return tuning.standing(None, None, wanted=tuple(wanted))
        good = [lr for lr in rates if tuning.first(lr).measured.trained]
        for lr in sorted(good, key=lambda lr: tuning.first(lr).error or 0.0):
            found = _decide(tuning, lr, confirm=False)
            if found.verdict is not Verdict.FAILS:
                return found
        tried += tuple(_tried(tuning, lr) for lr in rates)
        if sum(each.is_lost for each in tried) >= min(MAX_LOST, study.tune_lr):
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
        return TriedRate(lr, is_lost=True)
    if not first.measured.trained:
        return TriedRate(lr, first.error)
    return TriedRate(lr, tuning.error(lr, tuning.judged(lr, confirm=False).asked))


def _next_rates(
    tuning: _Tuning, tried: tuple[TriedRate, ...], first: tuple[float, ...]
) -> list[float]:
    """The rates of the next round; of stored trials where those are not stored."""
    study, depth = tuning.study, tuning.depth
    low, high = tuning.cell.rate.range or study.lr_range
    search = RateSearch(low=low, high=high, seed=(study.first_seed, depth))
    rates: list[float] = []
    size = min(study.ahead if tried else 1, study.tune_lr - len(tried))
    while len(rates) < size:
        known = (*tried, *(TriedRate(lr) for lr in rates))
        given = [lr for lr in first if lr not in {each.lr for each in known}]
        rates.append(given[0] if given else _unused(search, known))
    used = {*rates, *(each.lr for each in tried)}
    spare = [
        lr
        for at, seed, lr in tuning.stored
        if (at, seed) == (depth, study.first_seed) and lr not in used
    ]
    for place, lr in enumerate(rates):
        if (depth, study.first_seed, lr) not in tuning.stored and spare:
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
