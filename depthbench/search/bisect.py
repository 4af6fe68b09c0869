"""`bisect`: the depth doubles and is bisected, each decided by a majority of seeds."""

from collections.abc import Iterable, Mapping, Sequence

from depthbench.record import Outcome
from depthbench.search.bracket import BracketSearch
from depthbench.search.measured import Trials
from depthbench.search.plan import CellPlan, ProbeResult
from depthbench.search.strategy import Bracket, Strategy
from depthbench.spec import Cell, SearchSpec, TrialSpec
from depthbench.verdict import Verdict, judge


class Bisect(Strategy):
    """Probe after probe, each decided by a majority of seeds."""

    settings = frozenset({"seeds", "first_seed", "depths", "cap"})

    def plan(self, cell: Cell, trials: Trials) -> CellPlan:
        """Where the search stands; its probes are decided one after the other."""
        outcomes: dict[int, dict[int, Outcome]] = {}
        for key, trial in trials.items():
            outcomes.setdefault(key.depth, {})[key.seed] = trial.outcome
        search = begin(cell)
        probes: list[ProbeResult] = []
        asked: list[TrialSpec] = []
        wanted: tuple[TrialSpec, ...] = ()
        while (probe := search.next()) is not None:
            judgement = judge(
                outcomes.get(probe.depth, {}),
                first_seed=cell.search.first_seed,
                num_seeds=cell.search.seeds,
                confirm=probe.confirm,
            )
            asked += [cell.trial(probe.depth, seed) for seed in judgement.asked]
            if judgement.verdict is None:
                wanted = tuple(cell.trial(probe.depth, s) for s in judgement.wanted)
                break
            probes.append(ProbeResult(probe.depth, judgement.verdict, judgement.asked))
            search = search.observe(probe.depth, judgement.verdict)
        return _plan(cell, search, probes, asked, wanted, outcomes)

    def check(self, cell: Cell) -> None:
        """As any search, and whether most of the seeds can agree."""
        super().check(cell)
        if cell.search.seeds % 2 == 0:
            raise ValueError(
                f"seeds = {cell.search.seeds}: an odd number, so that a majority "
                "exists; try 1, 3 or 5"
            )

    def bracket(
        self, plan: CellPlan, observations: Iterable[tuple[int, bool]]
    ) -> Bracket:
        """That of its own verdicts, whatever else was trained."""
        del observations
        return Bracket(plan.trains, plan.fails, plan.is_witnessed)

    def overview(self, search: SearchSpec) -> str:
        """One sentence on how depths are chosen."""
        which = "most of its seeds do" if search.seeds > 1 else "its one training does"
        return (
            "Each architecture was trained at growing depth k until it no longer "
            f"learned; a depth trains when {which}."
        )

    def explanation(self, search: SearchSpec) -> tuple[str, ...]:
        """How depths are chosen and decided."""
        if search.seeds == 1:
            return ("A depth trains when its one trial does.", begin_sentence(search))
        return (
            f"A depth trains when most of {search.seeds} seeds do; no more trials are "
            "made than that needs. The first failure of a search needs one failed seed "
            "more.",
            begin_sentence(search),
        )

    def doing(self, plan: CellPlan, running: Sequence[TrialSpec]) -> str:
        """The one depth that is being decided."""
        if not running:
            return super().doing(plan, running)
        seeds = ", ".join(str(spec.seed) for spec in running)
        return f"{plan.wanted[0].depth} (seed {seeds})"

    def progress(self, plan: CellPlan) -> str:
        """Counts probes."""
        num_done = len(plan.probes)
        return f"probe {num_done + 1} of about {num_done + plan.num_left}"


def begin(cell: Cell) -> BracketSearch:
    """The bisection of a cell before its first probe."""
    search = cell.search
    cap = cell.grid.floor(search.cap)
    return BracketSearch(grid=cell.grid, cap=cap, bracket=search.depths)


def begin_sentence(search: SearchSpec) -> str:
    """Which depths a bisection tries."""
    start = "The depth doubles until it fails"
    if search.depths is not None:
        start = "The search starts at depths {} and {}".format(*search.depths)
    return (
        f"{start}; then it is bisected down to two neighbouring depths, one seen to "
        f"train, the next to fail. The search ends at depth {search.cap} at the latest."
    )


def _plan(
    cell: Cell,
    search: BracketSearch,
    probes: Sequence[ProbeResult],
    asked: Sequence[TrialSpec],
    wanted: tuple[TrialSpec, ...],
    outcomes: Mapping[int, Mapping[int, Outcome]],
) -> CellPlan:
    known = [
        (spec, outcomes[spec.depth][spec.seed])
        for spec in asked
        if spec.seed in outcomes.get(spec.depth, {})
    ]
    return CellPlan(
        cell=cell,
        probes=tuple(probes),
        asked=tuple(asked),
        wanted=wanted,
        not_measured=tuple(s for s, outcome in known if not outcome.is_evidence),
        observations=tuple(
            (spec.depth, outcome is Outcome.TRAINED)
            for spec, outcome in known
            if outcome.is_evidence
        ),
        trains=search.trains,
        fails=search.fails,
        unknown=search.unknown,
        is_witnessed=search.is_witnessed,
        num_left=search.num_probes_expected(),
        at_once=cell.search.majority,
        layer_epochs_left=_layer_epochs_left(cell, search),
    )


def _layer_epochs_left(cell: Cell, search: BracketSearch) -> int:
    """Depth times epochs still to be trained if the next depth to climb to fails.

    While the search bisects, every depth is taken to train, which costs the most.
    """
    total = 0
    while (probe := search.next()) is not None:
        num_trials = cell.search.majority + probe.confirm
        total += probe.depth * cell.template.epochs * num_trials
        verdict = Verdict.FAILS if probe.confirm else Verdict.TRAINS
        search = search.observe(probe.depth, verdict)
    return total
