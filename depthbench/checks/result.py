"""What a check found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Verdict = Literal["passed", "failed", "warning", "intended", "skipped"]

_NUM_SHOWN = 3


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
