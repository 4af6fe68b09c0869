"""At which depths checks look, and what they found. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from depthbench.spec import DepthGrid

Verdict = Literal["passed", "failed", "warning", "intended", "skipped"]

_NUM_SHOWN = 3
# A depth grid has no end; deeper networks tell little more, and take longer.
_DEEPEST = 30


class Finding(NamedTuple):
    """The verdict of one check at one depth, and the figures behind it in words."""

    verdict: Verdict
    figures: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the suite.

    Attributes:
        check: Name of the check.
        depth: Of the network that was looked at.
        verdict: `failed` for what is certainly wrong; `warning` for what is likely
            unintended and may still be right; `intended` for either where the
            architecture declares it; `skipped` if the check was not made, for the
            reason in `figures`. Only `failed` fails.
        figures: What was measured, in one line.
    """

    check: str
    depth: int
    verdict: Verdict
    figures: str

    @property
    def has_failed(self) -> bool:
        """Whether the architecture is unsound."""
        return self.verdict == "failed"


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _NUM_SHOWN} more" if len(names) > _NUM_SHOWN else ""
    return ", ".join(names[:_NUM_SHOWN]) + more


def depths_of(
    grid: DepthGrid, low: int | None = None, high: int | None = None
) -> tuple[int, ...]:
    """The smallest, a middle and the largest depth to look at, each once.

    Args:
        grid: Depths that exist.
        low: None for the smallest of the grid.
        high: None for the deepest of at most 30, but at least the third of the grid.

    Raises:
        ValueError: If `low` or `high` is not on the grid, or they are out of order.
    """
    first = grid.start if low is None else grid.check(low)
    third = grid.start + 2 * grid.step
    last = max(grid.floor(_DEEPEST), third) if high is None else grid.check(high)
    if first > last:
        raise ValueError(f"depths = {first}:{last}: LOW:HIGH with LOW <= HIGH")
    return tuple(dict.fromkeys((first, grid.floor((first + last) // 2), last)))
