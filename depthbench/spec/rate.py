"""Where the learning rate of a cell comes from: one rate, or one that depth decides."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depthbench.spec.study import StudySpec

DEFAULT_RANGE = (1e-4, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How a cell goes from its template's learning rate to that of a depth.

    Without an exponent or a range, every depth has the template's.

    Attributes:
        name: Tells the cell from others that differ in their rates alone; empty where
            the study has one rate for an architecture.
        is_own: Whether the template's rate is what the architecture would have in a
            study that says nothing of rates, or only `lr`.
        exponent: The rate at depth k is the template's times (k / depth)^exponent.
        depth: Where the scaled rate is the template's; at least 1.
        range: The rate is searched for at each depth, in this closed range; the
            template's is tried first, inside or not.
    """

    name: str = ""
    is_own: bool = True
    exponent: float | None = None
    depth: int = 1
    range: tuple[float, float] | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether all depths have one rate."""
        return self.exponent is None and self.range is None

    def at(self, lr: float, depth: int) -> float:
        """The learning rate at a depth, given the template's; not for a searched one.

        A scaled rate has six significant digits, so that the last bit of a power,
        which machines round differently, is in no trial's identity.
        """
        if self.exponent is None or depth == self.depth:
            return lr
        return float(f"{lr * (depth / self.depth) ** self.exponent:.6g}")

    def holds(self, lr: float, own: float) -> bool:
        """Whether a search over the range can have come to `lr`."""
        return self.range is not None and (
            lr == own or self.range[0] <= lr <= self.range[1]
        )


def check_rates(study: "StudySpec") -> None:
    """Whether the fields make sense, each and together.

    Raises:
        ValueError: If they do not; says what was given and what is allowed.
    """
    for rate in study.lr_grid:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"lr_grid = {rate}: finite numbers above 0")
    if len(set(study.lr_grid)) < len(study.lr_grid):
        given = ", ".join(f"{rate:g}" for rate in study.lr_grid)
        raise ValueError(f"lr_grid = {given}: each rate once")
    if study.lr_grid and study.lr is not None:
        raise ValueError(
            f"lr_grid = {study.lr_grid[0]:g}, ...: not together with lr; put "
            f"{study.lr:g} into the grid"
        )
    _check_scaling(study)
    _check_tuning(study)


def _check_scaling(study: "StudySpec") -> None:
    exponent, depth = study.lr_scaling, study.lr_depth
    if exponent is not None and not (math.isfinite(exponent) and exponent != 0):
        raise ValueError(
            f"lr_scaling = {exponent}: a finite number other than 0, as -1.5"
        )
    if depth is None:
        return
    if depth < 1:
        raise ValueError(f"lr_depth = {depth}: a whole number of at least 1")
    if exponent is None:
        raise ValueError(f"lr_depth = {depth}: only with lr_scaling, as -1.5")


def _check_tuning(study: "StudySpec") -> None:
    low, high = study.lr_range
    if not (low > 0 and 1.01 * low <= high < math.inf):
        raise ValueError(
            f"lr_range = {low:g}:{high:g}: LOW:HIGH with 0 < LOW and HIGH at least 1 % "
            "above it, as in 1e-4:1"
        )
    if not study.tune_lr:
        if study.lr_range != DEFAULT_RANGE:
            raise ValueError(
                f"lr_range = {low:g}:{high:g}: without effect; add tune_lr, as 8"
            )
        return
    if study.lr_grid:
        raise ValueError(
            f"tune_lr = {study.tune_lr}: not together with lr_grid; one study has a "
            "grid of rates or searches for them"
        )
