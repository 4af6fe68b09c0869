"""Where the search of one cell stands, alike for every kind of search."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from depthbench.search.measured import BySeed
from depthbench.spec import Cell, TrialSpec
from depthbench.verdict import Verdict


class End(NamedTuple):
    """Why a search ended; of nothing here, if it is going on or has its answer.

    Attributes:
        unknown: Depth without a verdict.
        limited_by: The limit that came first, as a clause: "the budget was used up".
    """

    unknown: int | None = None
    limited_by: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A decided probe: depth, verdict, and the seeds it rests on."""

    depth: int
    verdict: Verdict
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPlan:
    """Where the search of one cell stands.

    The answer rests on the trials that the search asked for, whatever else is stored.

    Attributes:
        probes: Depths decided so far: of a bisection in the order of their decisions,
            else from the shallowest on.
        asked: Trials asked for so far, in the search's order.
        wanted: Those to run now, all of them needed; empty when the search is over.
        not_measured: Those that could not be measured.
        observations: (depth, whether it trained) of those that were, in their order.
        trains: Deepest depth seen to train. See `split` for a search that does not
            decide depth by depth.
        fails: Shallowest depth seen to fail, deeper than `trains`.
        unknown: Depth without a verdict, so that there is no answer.
        is_witnessed: Whether `trains` and `fails` are as close as the search wants
            them: neighbours on the grid for a bisection.
        num_left: Probes of a bisection, or trials of another search, still to come,
            as far as one can tell.
        at_once: Trials that can be under way at once, at most; at least 1.
        layer_epochs_left: Depth times epochs still to be trained; an upper estimate.
        limited_by: The limit that ended the search before it was precise, as a clause.
        best_rates: (depth, learning rate that its verdict is of), where the rate is
            searched for at each depth.
    """

    cell: Cell
    probes: tuple[ProbeResult, ...]
    asked: tuple[TrialSpec, ...]
    wanted: tuple[TrialSpec, ...]
    not_measured: tuple[TrialSpec, ...]
    observations: tuple[tuple[int, bool], ...]
    trains: int | None
    fails: int | None
    unknown: int | None
    is_witnessed: bool
    num_left: int
    at_once: int
    layer_epochs_left: float
    limited_by: str | None = None
    best_rates: tuple[tuple[int, float], ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether the search is over."""
        return not self.wanted

    @property
    def deepest(self) -> int:
        """Deepest depth that the search may try."""
        return self.cell.grid.floor(self.cell.search.cap)


def split(
    observations: Iterable[tuple[int, bool]],
) -> tuple[int | None, int | None]:
    """The deepest probed depth that trains and the next one, which fails.

    Of all ways to cut the probed depths in two, the one that the fewest trials
    contradict: those that failed above the cut and those that trained below it stand
    for it. So most trials at the first depth trained, and at most half of those at
    the second. Of equally good cuts, the shallowest.

    Returns:
        None in place of a depth where one side is empty.
    """
    score: Counter[int] = Counter()
    for depth, trained in observations:
        score[depth] += 1 if trained else -1
    depths = sorted(score)
    best = total = 0
    cut = 0
    for place, depth in enumerate(depths, start=1):
        total += score[depth]
        if total > best:
            best, cut = total, place
    trains = depths[cut - 1] if cut else None
    return trains, depths[cut] if cut < len(depths) else None


def decided(
    observations: Iterable[tuple[int, bool]], asked: Sequence[TrialSpec]
) -> tuple[ProbeResult, ...]:
    """The verdict at each observed depth: whether most of its trials trained.

    Args:
        observations: What was seen.
        asked: Trials whose seeds, at an observed depth, the verdict rests on.
    """
    score: Counter[int] = Counter()
    for depth, trained in observations:
        score[depth] += 1 if trained else -1
    return tuple(
        ProbeResult(
            depth,
            Verdict.TRAINS if score[depth] > 0 else Verdict.FAILS,
            tuple(spec.seed for spec in asked if spec.depth == depth),
        )
        for depth in sorted(score)
    )


def from_trials(
    cell: Cell,
    asked: Sequence[tuple[int, int]],
    measured: BySeed,
    *,
    end: End,
    num_left: int,
    at_once: int,
    layer_epochs_left: float,
) -> CellPlan:
    """The plan of a search over single trials (depth, seed), in its order.

    Its bracket is the `split` of what was observed.
    """
    specs = {trial: cell.trial(*trial) for trial in asked}
    known = [(trial, measured[trial]) for trial in asked if trial in measured]
    observations = tuple(
        (depth, found.trained) for (depth, _), found in known if found.is_evidence
    )
    trains, fails = split(observations)
    return CellPlan(
        cell=cell,
        probes=decided(observations, tuple(specs.values())),
        asked=tuple(specs.values()),
        wanted=tuple(spec for trial, spec in specs.items() if trial not in measured),
        not_measured=tuple(
            specs[trial] for trial, found in known if not found.is_evidence
        ),
        observations=observations,
        trains=trains,
        fails=fails,
        unknown=end.unknown,
        is_witnessed=trains is not None and fails is not None,
        num_left=num_left,
        at_once=at_once,
        layer_epochs_left=layer_epochs_left,
        limited_by=end.limited_by,
    )
