"""One cell of a study: an architecture on a data set under a protocol."""

from dataclasses import dataclass, field, replace

from depthbench.spec.criterion import Criterion
from depthbench.spec.rate import Rate
from depthbench.spec.search import SearchSpec
from depthbench.spec.trial import TrialSpec


@dataclass(frozen=True, slots=True)
class DepthGrid:
    """The depths an architecture can have: start, start + step, start + 2 step, ..."""

    start: int = 3
    step: int = 3

    def __post_init__(self) -> None:
        if self.start < 1 or self.step < 1:
            raise ValueError(
                f"start = {self.start}, step = {self.step}: whole numbers of at least 1"
            )

    def contains(self, depth: int) -> bool:
        """Whether a network of this depth exists."""
        return depth >= self.start and (depth - self.start) % self.step == 0

    def floor(self, depth: int) -> int:
        """The deepest grid depth that is at most `depth`, never below `start`."""
        return max(self.start, depth - (depth - self.start) % self.step)

    def between(self, low: int, high: int) -> range:
        """The depths that exist from `low` to `high`; on the grid or not."""
        first = low + (self.start - low) % self.step
        return range(max(self.start, first), high + 1, self.step)

    def check(self, depth: int, what: str = "depth") -> int:
        """`depth` itself if it is on the grid.

        Raises:
            ValueError: If it is not, naming the nearest depths that are.
        """
        if self.contains(depth):
            return depth
        below = self.floor(depth)
        near = f"{below}" if depth < self.start else f"{below} and {below + self.step}"
        raise ValueError(
            f"{what} {depth} is not on the depth grid {self.start}, "
            f"{self.start + self.step}, {self.start + 2 * self.step}, ...; "
            f"nearest: {near}"
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """How deep the literature says that a network trains.

    Attributes:
        depth: As the paper counts it.
        conditions: Task and what else differs, in a few words.
    """

    depth: int
    conditions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastDepth:
    """How deep a cell was expected to train before its first trial.

    Attributes:
        k50: Depth where half of all trainings succeed; None if no limit was found up
            to `deepest`.
        low: The least that it is expected to be; None where `k50` is.
        high: The most.
        limited_by: What sets it, in words.
        deepest: Depth that was looked at.
    """

    k50: float | None = None
    low: float | None = None
    high: float | None = None
    limited_by: str
    deepest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One architecture x data set x protocol x rate: what one search is run for.

    Attributes:
        protocol: Name of the protocol, `standard` or `notebook`.
        template: The trial of this cell at depth and seed 0, every other field set.
        criterion: What counts as trained here.
        grid: Depths that exist.
        description: The block in words, for readers of a report.
        reference: The notebook's own answer (trains, fails), where it has one.
        source: Where the architecture comes from.
        claim: What the literature says of it, where it gives a depth.
        rate: From the template's learning rate to that of a depth.
        search: How its depths are chosen.
        forecast: None where there was none before its first trial.
    """

    protocol: str
    template: TrialSpec
    criterion: Criterion
    grid: DepthGrid = DepthGrid()
    description: str = ""
    reference: tuple[int, int] | None = None
    source: str = ""
    claim: Claim | None = None
    rate: Rate = field(default_factory=Rate)
    search: SearchSpec = field(default_factory=SearchSpec)
    forecast: ForecastDepth | None = None

    @property
    def architecture(self) -> str:
        """Registered name of the architecture."""
        return self.template.architecture

    @property
    def data(self) -> str:
        """Registered name of the data set."""
        return self.template.data

    @property
    def key(self) -> tuple[str, ...]:
        """(architecture, data, protocol), and the rate's name where it has one.

        Unique in a study.
        """
        key = (self.architecture, self.data, self.protocol)
        return (*key, self.rate.name) if self.rate.name else key

    def trial(self, depth: int, seed: int, *, lr: float | None = None) -> TrialSpec:
        """The spec of one training of this cell.

        Args:
            depth: On the grid.
            seed: At least 0.
            lr: For a cell that searches for its rate; None takes the rate of the
                depth, or where it is searched for, the architecture's own.
        """
        if lr is None:
            lr = self.rate.at(self.template.lr, depth)
        return replace(self.template, depth=depth, seed=seed, lr=lr)

    def owns(self, spec: TrialSpec) -> bool:
        """Whether `spec` is a training of this cell at some depth and seed.

        Whatever stop rules it had, which change no training that runs to its end.
        """
        if spec.architecture != self.architecture:
            return False  # most often, and much faster than the whole comparison
        is_searched = self.rate.holds(spec.lr, self.template.lr)
        lr = spec.lr if is_searched else None
        full = replace(spec, stop_rules=())
        return self.trial(spec.depth, spec.seed, lr=lr) == full

    def trains_like(self, other: "Cell") -> bool:
        """Whether both have the same trainings, whatever they are called."""
        mine, its = (replace(c.rate, name="", is_own=True) for c in (self, other))
        return self.template == other.template and mine == its
