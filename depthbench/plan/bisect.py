"""The fold of a bisection: probe after probe, each decided by a majority of seeds."""

from depthbench.plan.measured import MeasuredTrials
from depthbench.plan.state import CellPlan, ProbeResult
from depthbench.record import Outcome
from depthbench.search import BracketSearch
from depthbench.spec import Cell, StudySpec, TrialSpec
from depthbench.verdict import Judgement, Verdict, judge


def plan_bisection(cell: Cell, study: StudySpec, measured: MeasuredTrials) -> CellPlan:
    """Where the bisection stands; its probes are decided one after the other."""
    outcomes: dict[int, dict[int, Outcome]] = {}
    for (depth, seed), trial in measured.items():
        outcomes.setdefault(depth, {})[seed] = trial.outcome
    search = BracketSearch(
        grid=cell.grid, cap=cell.grid.floor(study.cap), bracket=study.depths
    )
    probes: list[ProbeResult] = []
    asked: list[TrialSpec] = []
    wanted: tuple[TrialSpec, ...] = ()
    while (probe := search.next()) is not None:
        judgement = _judge(outcomes.get(probe.depth, {}), study, confirm=probe.confirm)
        asked += [cell.trial(probe.depth, seed) for seed in judgement.asked]
        if judgement.verdict is None:
            wanted = tuple(cell.trial(probe.depth, seed) for seed in judgement.wanted)
            break
        probes.append(ProbeResult(probe.depth, judgement.verdict, judgement.asked))
        search = search.observe(probe.depth, judgement.verdict)
    known = [
        (spec, measured[spec.depth, spec.seed])
        for spec in asked
        if (spec.depth, spec.seed) in measured
    ]
    return CellPlan(
        cell=cell,
        search=study.search,
        deepest=search.cap,
        probes=tuple(probes),
        asked=tuple(asked),
        wanted=wanted,
        lost=tuple(spec for spec, trial in known if not trial.is_evidence),
        observations=tuple(
            (spec.depth, trial.trained) for spec, trial in known if trial.is_evidence
        ),
        trains=search.trains,
        fails=search.fails,
        unknown=search.unknown,
        is_witnessed=search.is_witnessed,
        num_left=search.num_probes_expected(),
        at_once=study.seeds // 2 + 1,
        layer_epochs_left=_layer_epochs_left(search, study),
    )


def _judge(
    outcomes: dict[int, Outcome], study: StudySpec, *, confirm: bool
) -> Judgement:
    return judge(
        outcomes,
        first_seed=study.first_seed,
        num_seeds=study.seeds,
        confirm=confirm,
    )


def _layer_epochs_left(search: BracketSearch, study: StudySpec) -> int:
    """Depth times epochs still to be trained if the next depth to climb to fails.

    While the search bisects, every depth is taken to train, which costs the most.
    """
    total = 0
    while (probe := search.next()) is not None:
        majority = study.seeds // 2 + 1
        total += probe.depth * study.epochs * (majority + probe.confirm)
        verdict = Verdict.FAILS if probe.confirm else Verdict.TRAINS
        search = search.observe(probe.depth, verdict)
    return total
