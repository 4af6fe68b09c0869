"""What a study of several learning rates says about each architecture."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from depthbench.curves import Estimate
from depthbench.curves.stable_rate import RateOutcome, StableRate, fit_stable_rate
from depthbench.record import Outcome
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.spec import Cell, StudySpec


class AtRate(NamedTuple):
    """How deep an architecture trains at a fixed, the best or a scaled rate.

    Attributes:
        trains: Deepest depth seen to train.
        fails: Shallowest depth that is seen to fail; at the best rate, at every one.
        lr: At `trains`; None where nothing trained.
        k50: Empty without any trial.
        is_final: Whether every search that this rests on has its answer.
    """

    trains: int | None
    fails: int | None
    lr: float | None
    k50: Estimate
    is_final: bool


@dataclass(frozen=True)
class RateGroup:
    """The cells of one architecture, data set and protocol: they differ in rate."""

    key: tuple[str, ...]
    cells: tuple[CellResult, ...]

    @property
    def cell(self) -> Cell:
        """One of its cells, for what they have in common."""
        return self.cells[0].cell

    @property
    def fixed(self) -> AtRate | None:
        """At the architecture's own rate, if that is among the study's."""
        found = [c for c in self._of_one_rate if c.cell.rate.is_own]
        return _at_rate(found[0]) if found else None

    @property
    def scaled(self) -> AtRate | None:
        """At a rate that is a power of depth."""
        found = [c for c in self.cells if c.cell.rate.exponent is not None]
        return _at_rate(found[0]) if found else None

    @property
    def best(self) -> AtRate | None:
        """At the best of the rates that were tried: a depth trains if it does at one.

        Of a grid of rates, the envelope over its cells: it trains as deep as the best
        of them, and fails for certain where all of them do. None with one rate.
        """
        tuned = [c for c in self.cells if c.cell.rate.range is not None]
        if tuned:
            return _at_rate(tuned[0])
        cells = self._of_one_rate
        if len(cells) < 2:
            return None
        deepest = max(cells, key=lambda c: (c.trains or 0, _median_k50(c)))
        failures = [c.fails for c in cells if c.fails is not None]
        return _at_rate(deepest)._replace(
            fails=max(failures) if len(failures) == len(cells) else None,
            k50=max(cells, key=_median_k50).k50,
            is_final=all(_is_final(c) for c in cells),
        )

    @cached_property
    def trials(self) -> tuple[JudgedTrial, ...]:
        """The trials of all cells, each once, by rate, depth, then seed."""
        each = {trial.record.id: trial for c in self.cells for trial in c.trials}
        return tuple(sorted(each.values(), key=lambda t: (t.lr, t.depth, t.seed)))

    @cached_property
    def stable(self) -> StableRate | None:
        """How the largest rate that trains falls with depth; None with too little."""
        return fit_stable_rate(
            RateOutcome(t.depth, t.lr, t.outcome is Outcome.TRAINED)
            for t in self.trials
            if t.outcome.is_evidence
        )

    @property
    def _of_one_rate(self) -> list[CellResult]:
        return [c for c in self.cells if c.cell.rate.is_fixed]


class MapPoint(NamedTuple):
    """All trials at one depth and learning rate."""

    depth: int
    lr: float
    trials: tuple[JudgedTrial, ...]

    @property
    def num_trained(self) -> int:
        """Trials that trained."""
        return self.outcomes[Outcome.TRAINED]

    @property
    def num_failed(self) -> int:
        """Trials that were measured and did not train."""
        measured = sum(trial.outcome.is_evidence for trial in self.trials)
        return measured - self.num_trained

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How often each occurred."""
        return Counter(trial.outcome for trial in self.trials)


def rate_groups(result: StudyResult) -> list[RateGroup]:
    """One for each architecture, data set and protocol; none in a study of one rate."""
    groups: dict[tuple[str, ...], list[CellResult]] = {}
    for cell in result.cells:
        if cell.cell.rate.name:
            groups.setdefault(cell.cell.key[:3], []).append(cell)
    return [RateGroup(key, tuple(cells)) for key, cells in groups.items()]


def map_points(group: RateGroup) -> list[MapPoint]:
    """The lr x depth map: every pair that was trained, by rate, then depth."""
    points: dict[tuple[float, int], list[JudgedTrial]] = {}
    for trial in group.trials:
        points.setdefault((trial.lr, trial.depth), []).append(trial)
    return [
        MapPoint(depth, lr, tuple(trials)) for (lr, depth), trials in points.items()
    ]


def rates_text(study: StudySpec) -> str:
    """The learning rates of a study of several: "0.005 or 0.05, each by itself"."""
    texts = [" or ".join(f"{rate:g}" for rate in sorted(study.lr_grid))]
    if study.tune_lr:
        low, high = study.lr_range
        texts = [f"searched for at each depth from {low:g} to {high:g}"]
    if study.lr_scaling is not None:
        where = "the shallowest depth" if study.lr_depth is None else study.lr_depth
        own = [] if texts[0] else ["the architecture's own"]
        texts = [
            *filter(None, texts),
            *own,
            f"proportional to k to the power {study.lr_scaling:g}, the architecture's "
            f"own at {where}",
        ]
    several = len(texts) > 1 or len(study.lr_grid) > 1
    return f"{' or '.join(texts)}, each by itself" if several else texts[0]


def named_sentences(result: StudyResult) -> list[tuple[str, str]]:
    """The sentences of all groups, with the group's name where there are several."""
    groups = rate_groups(result)
    parts = list(zip(*(group.key for group in groups), strict=True))
    telling = [place for place, part in enumerate(parts) if len(set(part)) > 1]
    if telling and 0 not in telling:
        telling = [0, *telling]
    return [
        (", ".join(group.key[place] for place in telling), sentence)
        for group in groups
        for sentence in rate_sentences(group)
    ]


def rate_sentences(group: RateGroup) -> list[str]:
    """Whose limit it is, and how the largest rate goes with depth, where known."""
    return [s for s in (limit_sentence(group), exponent_sentence(group.stable)) if s]


def limit_sentence(group: RateGroup) -> str:
    """Whether another rate reaches deeper than the architecture's own.

    Empty where one of the two is unknown or not final, and where no limit of the own
    rate was seen, as when it trains at the only depth there is.
    """
    fixed, best = group.fixed, group.best
    if fixed is None or best is None or not (fixed.is_final and best.is_final):
        return ""
    only_depth = group.cell.search.only_depth
    if best.trains is None:
        where = "any depth" if only_depth is None else f"depth {only_depth}"
        return f"No learning rate that was tried trains it at {where}."
    if fixed.fails is None:
        return ""
    if fixed.trains is not None and best.trains <= fixed.trains:
        return (
            f"No learning rate that was tried trains it deeper than its own does: "
            f"{fixed.trains}."
        )
    if only_depth is not None:
        return (
            f"At its own learning rate it does not train at depth {only_depth}, at "
            f"{best.lr:.3g} it does."
        )
    own = "at no depth" if fixed.trains is None else f"to depth {fixed.trains}"
    return (
        f"At its own learning rate it trains {own}, at {best.lr:.3g} to {best.trains}: "
        "in between, the limit is of the learning rate, not of the signal."
    )


def exponent_sentence(stable: StableRate | None) -> str:
    """The exponent of the largest stable rate with its interval; empty without."""
    if stable is None:
        return ""
    low, high = stable.exponent.low, stable.exponent.high
    bounds = [
        "" if low is None else f"at least {low:.2f}",
        "" if high is None else f"at most {high:.2f}",
    ]
    within = " ".join(filter(None, bounds)) or "without bounds"
    if low is not None and high is not None:
        within = f"{low:.2f} to {high:.2f}"
    return (
        "The largest learning rate that trains goes with depth to the power "
        f"{stable.exponent.median:.2f} (90 % interval {within}, from "
        f"{stable.num_trials} trials); theory expects about -1.5."
    )


def _at_rate(cell: CellResult) -> AtRate:
    rate, lr = cell.cell.rate, None
    if cell.trains is not None:
        found = dict(cell.plan.best_rates).get(cell.trains)
        lr = found or rate.at(cell.cell.template.lr, cell.trains)
    return AtRate(cell.trains, cell.fails, lr, cell.k50, _is_final(cell))


def _is_final(cell: CellResult) -> bool:
    return cell.status in (Status.DONE, Status.CENSORED)


def _median_k50(cell: CellResult) -> float:
    return cell.k50.median or cell.k50.low or 0.0
