"""What a check found."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Verdict = Literal["passed", "failed", "warning", "left out"]


class Finding(NamedTuple):
    """The verdict of one check at one depth, and the figures behind it in words."""

    verdict: Verdict
    figures: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the ritual.

    Attributes:
        check: Name of the check.
        depth: Of the network that was looked at.
        verdict: `warning` for what is likely unintended and may still be right;
            `left out` if it was not made, for the reason in `figures`. Only `failed`
            fails.
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
