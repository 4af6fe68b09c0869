"""What depthbench must know of a kind of search."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from depthbench.curves import CurvePosterior, Prior
from depthbench.curves.grid import WIDE_PRIOR
from depthbench.search.measured import Trials
from depthbench.search.plan import CellPlan, End, split
from depthbench.spec import Cell, SearchSpec, TrialSpec
from depthbench.text import count

# What the bracket of a search over single trials is.
CUT_SENTENCE = (
    "The deepest depth that trains and the next, which fails, lie on the two sides of "
    "the cut between trained and failed that the fewest trials contradict."
)


class Bracket(NamedTuple):
    """The answer of a search in depths.

    Attributes:
        trains: Deepest depth that trains; None if none was seen to.
        fails: The next that was tried, which fails; None if none was seen to.
        is_found: Whether the two are the answer that the search looks for.
    """

    trains: int | None
    fails: int | None
    is_found: bool


class Strategy(ABC):
    """Everything of one kind of search, without a state: all of it is in `Trials`.

    `plan`, `overview` and `explanation` are what a search must say of itself. The rest
    is what is true of a search over single trials.

    Attributes:
        settings: The fields of `SearchSpec` that it uses; any other must be left at its
            default.
        prior: Of the curve of success; one that suits the trials that it chooses.
        adapts: Whether what is trained depends on what came of the trials before.
        may_end_early: Whether it may need fewer trials than `CellPlan.num_left`.
    """

    settings: ClassVar[frozenset[str]]
    prior: ClassVar[Prior] = WIDE_PRIOR
    adapts: ClassVar[bool] = True
    may_end_early: ClassVar[bool] = False

    @abstractmethod
    def plan(self, cell: Cell, trials: Trials) -> CellPlan:
        """Where the search of `cell` stands; a pure function of what was measured."""

    @abstractmethod
    def overview(self, search: SearchSpec) -> str:
        """One sentence: "Each architecture was trained at every depth k that ..."."""

    @abstractmethod
    def explanation(self, search: SearchSpec) -> tuple[str, ...]:
        """How depths are chosen and decided: sentences for the reader of a report."""

    def check(self, cell: Cell) -> None:
        """Whether the settings make sense for this search and fit the cell's grid.

        Raises:
            ValueError: If not; says what was given and what is allowed.
        """
        check_bracket(cell)

    def end(self, cell: Cell, trials: Trials) -> End | None:
        """Why no further trial is needed, whoever chose these; None if one is.

        An earlier version of the search may have chosen them, or one that a failed
        measurement led astray.
        """
        del cell, trials
        return None

    def bracket(
        self, plan: CellPlan, observations: Iterable[tuple[int, bool]]
    ) -> Bracket:
        """The answer, given (depth, whether it trained) of all trials of the cell."""
        del plan
        trains, fails = split(observations)
        return Bracket(trains, fails, trains is not None and fails is not None)

    def curve(
        self, plan: CellPlan, observations: Sequence[tuple[int, bool]]
    ) -> CurvePosterior | None:
        """What trials (depth, trained) say of success at any depth; None without any.

        The depths that the search may try limit what can be said.
        """
        if not observations:
            return None
        return CurvePosterior.given(
            observations,
            shallowest=plan.cell.grid.start,
            deepest=plan.deepest,
            prior=self.prior,
        )

    def standing(self, plan: CellPlan) -> str:
        """What is known so far, in a few words; empty if nothing is."""
        return bracket_text(plan)

    def doing(self, plan: CellPlan, running: Sequence[TrialSpec]) -> str:
        """Which depths and seeds are being trained, given the trials under way."""
        if not running:
            return f"{plan.wanted[0].depth}, waiting"
        return ", ".join(f"{spec.depth} (seed {spec.seed})" for spec in running)

    def expected_layer_epochs(self, plan: CellPlan, failed_share: float) -> float:
        """Depth times epochs still to be trained, as far as one can tell.

        Args:
            plan: Where the search stands.
            failed_share: Part of a whole training that one which fails takes.
        """
        del failed_share
        return plan.layer_epochs_left

    def progress(self, plan: CellPlan) -> str:
        """How far the search is: "12 trials of at most 40"."""
        num_done = len(plan.asked) - len(plan.wanted)
        most = "at most " if self.may_end_early else ""
        return f"{count(num_done, 'trial')} of {most}{num_done + plan.num_left}"


def bracket_text(plan: CellPlan) -> str:
    """As in: "trains 24, fails 48"."""
    known = (("trains", plan.trains), ("fails", plan.fails))
    return ", ".join(f"{word} {depth}" for word, depth in known if depth is not None)


def check_bracket(cell: Cell) -> None:
    """Whether the depths to begin from, if any are given, and the cap can be trained.

    Raises:
        ValueError: If not.
    """
    search, grid = cell.search, cell.grid
    check_cap(cell)
    if search.depths is None:
        return
    low, high = search.depths
    if low == high:
        raise ValueError(
            f"depths = {low}:{high}: search = {search.name} begins from two depths, "
            "LOW:HIGH with LOW < HIGH; a grid may have one depth"
        )
    for depth in search.depths:
        grid.check(depth, f"depths: {cell.architecture}:")


def check_cap(cell: Cell) -> None:
    """Whether there is a depth up to the cap, and none of `depths` is above it.

    Raises:
        ValueError: If not.
    """
    search, grid = cell.search, cell.grid
    if search.cap < grid.start:
        raise ValueError(
            f"cap = {search.cap}: {cell.architecture} starts at depth {grid.start}"
        )
    if search.depths is not None and search.depths[1] > search.cap:
        raise ValueError(
            f"depths = {search.depths[0]}:{search.depths[1]}: the upper end is above "
            f"the cap {search.cap}; raise --cap"
        )
