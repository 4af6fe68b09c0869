"""Which trials may be stopped early: none that the answer rests on in the end."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

from depthbench.curves import CurvePosterior
from depthbench.plan.curve import curve_of
from depthbench.plan.measured import MeasuredTrials, measured_trials
from depthbench.plan.state import CellPlan
from depthbench.record import TrialRecord
from depthbench.spec import Cell, StudySpec, TrialSpec

# A posterior search is far from its decision at this factor beyond the 90 % interval
# of k50.
FAR = 1.2

Fold = Callable[[Cell, StudySpec, MeasuredTrials], CellPlan]


def is_far(depth: int, low: float | None, high: float | None, *, factor: float) -> bool:
    """Whether a depth lies at least a factor beyond what is known of the decision.

    Args:
        depth: Of a trial.
        low: The decision lies at this depth or deeper; None if that is not known.
        high: It lies at this depth or shallower; None if that is not known.
        factor: At least 1. With 1, every depth outside is far.
    """
    return (low is not None and depth * factor < low) or (
        high is not None and depth > high * factor
    )


def plan_with_stops(
    cell: Cell, study: StudySpec, records: Iterable[TrialRecord], fold: Fold
) -> CellPlan:
    """The plan of a cell whose trials may be stopped early.

    While a bisection doubles, and while a posterior search has no bound on one side of
    k50 or tries a depth far beyond its bounds, trials may be stopped; else not. When
    the search is over, those stopped trials that turned out not to be far are wanted
    again in full. Only when all of these are there do they count, in place of the
    stopped ones; and if they contradict them, the search goes on from there. So the
    plan depends neither on the order nor on the pace of the trials.
    """
    known = tuple(records)
    full = measured_trials(cell, (r for r in known if not r.was_stopped))
    ended = measured_trials(cell, (r for r in known if r.was_stopped))
    stopped = {trial: found for trial, found in ended.items() if found.is_evidence}
    while True:
        plan = fold(cell, study, {**full, **stopped})
        if not plan.is_done:
            return _with_rules(plan, study, set(ended))
        due = [
            trial
            for spec in plan.asked
            if (trial := (spec.depth, spec.seed)) in stopped
            and not _ends_far(plan, study, spec.depth)
        ]
        missing = [trial for trial in due if trial not in full]
        if missing:
            return replace(
                plan,
                wanted=tuple(cell.trial(*trial) for trial in missing),
                num_left=len(missing),
                at_once=len(missing),
                layer_epochs_left=study.epochs * sum(depth for depth, _ in missing),
            )
        if not due:
            return plan
        for trial in due:
            del stopped[trial]


def _with_rules(
    plan: CellPlan, study: StudySpec, stopped: set[tuple[int, int]]
) -> CellPlan:
    """The plan, its trials free to be stopped where they are far; never one twice."""

    def with_rules(spec: TrialSpec) -> TrialSpec:
        trial = (spec.depth, spec.seed)
        if trial in stopped or not _starts_far(plan, study, spec):
            return spec
        return plan.cell.trial(*trial, plan.cell.template.stop_rules)

    return replace(plan, wanted=tuple(with_rules(spec) for spec in plan.wanted))


def _starts_far(plan: CellPlan, study: StudySpec, spec: TrialSpec) -> bool:
    """Whether a trial is far by what was known when it was chosen."""
    if study.early_stop_at == "everywhere":
        return True
    if plan.search == "bisect":
        return plan.trains is None or plan.fails is None
    if plan.search == "grid":
        return False
    num_known = max(0, plan.asked.index(spec) - study.ahead + 1)
    unseen = {*plan.wanted, *plan.lost}
    seen = sum(each not in unseen for each in plan.asked[:num_known])
    low, high = _k50_bounds(
        plan.observations[:seen], plan.cell.grid.start, plan.deepest
    )
    return low is None or high is None or is_far(spec.depth, low, high, factor=FAR)


def _ends_far(plan: CellPlan, study: StudySpec, depth: int) -> bool:
    """Whether a depth is far from the decision that the search came to."""
    if study.early_stop_at == "everywhere" or plan.unknown is not None:
        return True
    if plan.search == "bisect":
        return depth not in (plan.trains, plan.fails)
    curve = curve_of(plan)
    k50 = curve.k50() if curve else None
    return k50 is not None and is_far(depth, k50.low, k50.high, factor=FAR)


@lru_cache(maxsize=1024)
def _k50_bounds(
    observations: tuple[tuple[int, bool], ...], shallowest: int, deepest: int
) -> tuple[float | None, float | None]:
    if not observations:
        return None, None
    k50 = CurvePosterior.given(
        observations, shallowest=shallowest, deepest=deepest
    ).k50()
    return k50.low, k50.high
