"""Doubling until a depth fails, then bisection; or bisection of a given bracket."""

from dataclasses import dataclass, replace

from depthbench.spec import DepthGrid
from depthbench.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Probe:
    """A depth to be decided next.

    Attributes:
        depth: On the grid.
        confirm: Whether "fails" here would be the first failure seen, and so close
            the bracket from above; one unlucky run there would bias the whole
            answer low, so it deserves one more seed.
    """

    depth: int
    confirm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BracketSearch:
    """The search for the largest depth that trains, as a value.

    `next` names the depth to probe and `observe` returns the search after its
    verdict. From the bottom of the grid the depth doubles while it trains; between
    the deepest that trained and the shallowest that failed it bisects. It ends with
    two neighbours on the grid, one seen to train and one seen to fail; or censored,
    because the cap trained or the bottom failed; or stopped by an unknown verdict.

    With a bracket given, its lower end is probed first, then its upper one. A lower
    end that fails is halved down, an upper end that trains is doubled up.

    Attributes:
        grid: Depths that exist.
        cap: The climb ends here; a depth on the grid.
        bracket: Depths to start from, both on the grid.
        trains: Deepest depth seen to train.
        fails: Shallowest depth seen to fail.
        unknown: Depth whose verdict could not be had.
    """

    grid: DepthGrid
    cap: int
    bracket: tuple[int, int] | None = None
    trains: int | None = None
    fails: int | None = None
    unknown: int | None = None

    @property
    def is_done(self) -> bool:
        """Whether no probe is left to make."""
        return self.next() is None

    @property
    def is_witnessed(self) -> bool:
        """Whether the deepest depth to train and the next, which fails, were seen."""
        return (
            self.trains is not None
            and self.fails is not None
            and self.fails - self.trains == self.grid.step
        )

    def next(self) -> Probe | None:
        """The probe to make next, or None when the search is over."""
        if self.unknown is not None or self.is_witnessed:
            return None
        depth = self._next_depth()
        return None if depth is None else Probe(depth, confirm=self.fails is None)

    def observe(self, depth: int, verdict: Verdict) -> "BracketSearch":
        """The search after the probe that `next` asked for."""
        match verdict:
            case Verdict.TRAINS:
                return replace(self, trains=depth)
            case Verdict.FAILS:
                return replace(self, fails=depth)
            case Verdict.UNKNOWN:
                return replace(self, unknown=depth)

    def num_probes_expected(self) -> int:
        """Probes still to come if the next one to climb fails; for estimates only."""
        probe = self.next()
        if probe is None:
            return 0
        if self.trains is not None and self.fails is not None:
            steps = (self.fails - self.trains) // self.grid.step
            return (steps - 1).bit_length()
        return 1 + self.observe(probe.depth, Verdict.FAILS).num_probes_expected()

    def _next_depth(self) -> int | None:
        low, high = self.bracket or (self.grid.start, self.grid.start)
        if self.trains is None:
            if self.fails is None:
                return low
            is_bottom = self.fails == self.grid.start
            return None if is_bottom else self.grid.floor(self.fails // 2)
        if self.fails is None:
            return self._deeper(self.trains, high)
        half = (self.fails - self.trains) // self.grid.step // 2
        return self.trains + half * self.grid.step

    def _deeper(self, trains: int, high: int) -> int | None:
        if trains >= self.cap:
            return None
        if high > trains:
            return high
        doubled = max(self.grid.floor(2 * trains), trains + self.grid.step)
        return min(doubled, self.cap)
