"""What is left to do in a cell, given its records: the fold of a search over probes.

A pure function of the study and of what is stored. The driver calls it after every
record, the report to find the bracket, a resumed run to find its place: there is no
other code for any of the three.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from depthbench.record import Outcome, TrialRecord
from depthbench.search import BracketSearch
from depthbench.spec import Cell, StudySpec, TrialSpec
from depthbench.verdict import Judgement, Verdict, judge, outcome_under


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A decided probe: depth, verdict, and the seeds it rests on."""

    depth: int
    verdict: Verdict
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CellPlan:
    """Where the search of one cell stands.

    Attributes:
        search: After every decided probe.
        probes: Decided probes, in order.
        wanted: Trials to run now, all of them needed; empty when the search is over.
    """

    cell: Cell
    search: BracketSearch
    probes: tuple[ProbeResult, ...]
    wanted: tuple[TrialSpec, ...]

    @property
    def is_done(self) -> bool:
        """Whether the search is over."""
        return not self.wanted


def start_search(cell: Cell, study: StudySpec) -> BracketSearch:
    """The search of a cell before any probe.

    Raises:
        ValueError: If the bracket or the cap does not fit the architecture's grid.
    """
    grid = cell.grid
    if study.cap < grid.start:
        raise ValueError(
            f"cap = {study.cap}: {cell.architecture} starts at depth {grid.start}"
        )
    if study.depths is not None:
        for depth in study.depths:
            grid.check(depth, f"depths: {cell.architecture}:")
        if study.depths[1] > study.cap:
            raise ValueError(
                f"depths = {study.depths[0]}:{study.depths[1]}: the upper end is above "
                f"the cap {study.cap}; raise --cap"
            )
    return BracketSearch(grid=grid, cap=grid.floor(study.cap), bracket=study.depths)


def plan_cell(cell: Cell, study: StudySpec, records: Iterable[TrialRecord]) -> CellPlan:
    """Fold the search of `cell` over the stored records, up to the first gap.

    Records of other cells are passed over.
    """
    outcomes: dict[int, dict[int, Outcome]] = {}
    for record in records:
        if cell.owns(record.spec):
            at_depth = outcomes.setdefault(record.spec.depth, {})
            at_depth[record.spec.seed] = outcome_under(record, cell.criterion)
    search = start_search(cell, study)
    probes: list[ProbeResult] = []
    while (probe := search.next()) is not None:
        judgement = _judge(outcomes.get(probe.depth, {}), study, confirm=probe.confirm)
        if judgement.verdict is None:
            wanted = tuple(cell.trial(probe.depth, seed) for seed in judgement.wanted)
            return CellPlan(cell, search, tuple(probes), wanted)
        probes.append(ProbeResult(probe.depth, judgement.verdict, judgement.asked))
        search = search.observe(probe.depth, judgement.verdict)
    return CellPlan(cell, search, tuple(probes), ())


def _judge(
    outcomes: dict[int, Outcome], study: StudySpec, *, confirm: bool
) -> Judgement:
    return judge(
        outcomes,
        first_seed=study.first_seed,
        num_seeds=study.seeds,
        confirm=confirm,
    )
