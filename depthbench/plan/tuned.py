"""The fold of a bisection in which every depth has the best learning rate found."""

from depthbench.plan.state import CellPlan, ProbeResult
from depthbench.plan.tuned_depth import RateTrials, TunedDepth, tune_depth
from depthbench.search import BracketSearch
from depthbench.spec import Cell, StudySpec
from depthbench.verdict import Verdict


def plan_tuned(cell: Cell, study: StudySpec, stored: RateTrials) -> CellPlan:
    """Where the bisection stands; its probes are tuned one after the other.

    Each depth tries the architecture's own rate first, then the best one of the
    deepest depth that was seen to train, then what the search suggests. `observations`
    are the trials that verdicts rest on, without those that chose the rates: they are
    of one rate a depth.
    """
    search = BracketSearch(
        grid=cell.grid, cap=cell.grid.floor(study.cap), bracket=study.depths
    )
    tuned: dict[int, TunedDepth] = {}
    while (probe := search.next()) is not None:
        found = tune_depth(
            cell,
            study,
            stored,
            probe.depth,
            first=_first_rates(cell, search, tuned),
            confirm=probe.confirm,
        )
        tuned[probe.depth] = found
        if found.verdict is None:
            break
        search = search.observe(probe.depth, found.verdict)
    return _plan(cell, study, stored, search, tuned)


def _first_rates(
    cell: Cell, search: BracketSearch, tuned: dict[int, TunedDepth]
) -> tuple[float, ...]:
    own = cell.template.lr
    best = tuned[search.trains].lr if search.trains is not None else None
    return (own,) if best in (None, own) else (own, best)


def _plan(
    cell: Cell,
    study: StudySpec,
    stored: RateTrials,
    search: BracketSearch,
    tuned: dict[int, TunedDepth],
) -> CellPlan:
    asked = tuple(spec for found in tuned.values() for spec in found.asked)
    known = [
        (spec, stored[key].measured)
        for spec in asked
        if (key := (spec.depth, spec.seed, spec.lr)) in stored
    ]
    return CellPlan(
        cell=cell,
        search=study.search,
        deepest=search.cap,
        probes=tuple(
            ProbeResult(depth, found.verdict, found.seeds)
            for depth, found in tuned.items()
            if found.verdict is not None
        ),
        asked=asked,
        wanted=tuple(spec for found in tuned.values() for spec in found.wanted),
        lost=tuple(spec for spec, trial in known if not trial.is_evidence),
        observations=tuple(
            (spec.depth, trial.trained)
            for spec, trial in known
            if trial.is_evidence and _is_judging(tuned[spec.depth], spec.lr, spec.seed)
        ),
        trains=search.trains,
        fails=search.fails,
        unknown=search.unknown,
        is_witnessed=search.is_witnessed,
        num_left=search.num_probes_expected(),
        at_once=max(study.ahead, study.seeds // 2 + 1),
        layer_epochs_left=_layer_epochs_left(search, study),
        best_rates=tuple(
            (depth, found.lr) for depth, found in tuned.items() if found.lr is not None
        ),
    )


def _is_judging(found: TunedDepth, lr: float, seed: int) -> bool:
    return lr == found.lr and seed in found.seeds


def _layer_epochs_left(search: BracketSearch, study: StudySpec) -> int:
    """As of a bisection; a depth that fails costs all its rates, one that trains one.

    While the search bisects, every depth is taken to train, after half of its rates.
    """
    total = 0
    while (probe := search.next()) is not None:
        majority = study.seeds // 2 + 1
        num_rates = study.tune_lr if probe.confirm else (study.tune_lr + 1) // 2
        total += probe.depth * study.epochs * (num_rates + majority + probe.confirm)
        verdict = Verdict.FAILS if probe.confirm else Verdict.TRAINS
        search = search.observe(probe.depth, verdict)
    return total
