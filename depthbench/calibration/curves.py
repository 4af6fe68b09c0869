"""Truths: success probabilities whose k50 is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Literal

import numpy as np
import pandas as pd

from depthbench.curves.monotonicity import falling_fit
from depthbench.record import Outcome
from depthbench.report import read_result

Shape = Literal["logistic", "normal", "dip", "island"]

# The normal distribution function of x is closest to the logistic one of 1.702 x.
_NORMAL_SCALE = 1.702

# At its centre a dip takes this share of what success has above 1/2, and an island
# gives this share of what it lacks: so 1/2 is still crossed at k50 alone.
BUMP = 0.6
DIP_CENTER, ISLAND_CENTER, BUMP_WIDTH = 0.7, 1.3, 0.08  # in k50

SPANNED = 0.9


@dataclass(frozen=True, slots=True)
class Curve:
    """A synthetic truth.

    Attributes:
        k50: Depth at which half of the trainings succeed, exactly.
        width: Scale s of the logistic function over k50; of the normal one, the
            scale of the logistic closest to it. From 90 % to 10 % success, without
            lapses, it takes 4.4 s.
        lapse: Share of trainings that fail at any depth; below 1/2.
        shape: `logistic`, as the posterior assumes; `normal`, with thinner tails; or
            logistic with a bump, which no falling curve can follow: a `dip` of
            success well before k50, an `island` of success beyond it.
        seed_share: See `calibration.seed_share`; 0 for independent trainings.
    """

    k50: float
    width: float
    lapse: float = 0.0
    shape: Shape = "logistic"
    seed_share: float = 0.0

    @property
    def name(self) -> str:
        """All that defines it."""
        name = f"{self.shape} k50={self.k50:g} w={self.width:g} lapse={self.lapse:g}"
        return f"{name} seed={self.seed_share:g}" if self.seed_share else name

    def success(self, depth: float) -> float:
        """The chance to train at `depth`."""
        x = self._x_at_k50 + (1 - depth / self.k50) / self.width
        if self.shape == "normal":
            plain = NormalDist().cdf(x / _NORMAL_SCALE)
        else:
            plain = 1 / (1 + math.exp(-max(x, -700)))
        chance = (1 - self.lapse) * plain
        return 0.5 + (chance - 0.5) * self._kept(depth / self.k50)

    @property
    def _x_at_k50(self) -> float:
        """Where the curve, lowered by the lapses, is at 1/2."""
        half = 0.5 / (1 - self.lapse)
        if self.shape == "normal":
            return _NORMAL_SCALE * NormalDist().inv_cdf(half)
        return math.log(half / (1 - half))

    def _kept(self, relative: float) -> float:
        """Share of the distance from 1/2 that a bump leaves."""
        if self.shape in ("logistic", "normal"):
            return 1.0
        center = DIP_CENTER if self.shape == "dip" else ISLAND_CENTER
        return 1 - BUMP * math.exp(-0.5 * ((relative - center) / BUMP_WIDTH) ** 2)


@dataclass(frozen=True, slots=True)
class RecordedCurve:
    """A truth made of real trials: at each depth, the share of them that trained.

    Between depths the share is interpolated, beyond them it stays as at the last.

    Attributes:
        name: Which trials they were.
        depths: Where there were trials, rising.
        shares: That trained at each depth; they may rise with depth, too.
        k50: Where the non-increasing fit to the shares crosses 1/2; the middle of
            where it stays there.
    """

    name: str
    depths: tuple[int, ...]
    shares: tuple[float, ...]
    k50: float
    shape: Literal["recorded"] = "recorded"
    width: None = None
    lapse: None = None
    seed_share: float = 0.0

    @classmethod
    def of(
        cls, name: str, trials: Sequence[tuple[int, bool]]
    ) -> "RecordedCurve | None":
        """The truth of trials (depth, trained).

        None if they do not span the fall, from `SPANNED` of trainings that succeed to
        as many that fail: what happens beyond them would be made up.
        """
        table = pd.DataFrame(trials, columns=["depth", "trained"])
        at = table.groupby("depth")["trained"].agg(["sum", "count"])
        if at.empty:
            return None
        fit = falling_fit(*(at[n].to_numpy(float) for n in ("sum", "count")))
        if not (fit[0] >= SPANNED and fit[-1] <= 1 - SPANNED):
            return None
        depths, shares = tuple(at.index), tuple(at["sum"] / at["count"])
        return cls(name, depths, shares, _crossing(depths, fit.tolist()))

    def success(self, depth: float) -> float:
        """The chance to train at `depth`."""
        return float(np.interp(depth, self.depths, self.shares))


def _crossing(depths: Sequence[int], fit: Sequence[float]) -> float:
    """Where a falling curve through the points is at 1/2, on average."""
    left = max(i for i, share in enumerate(fit) if share > 0.5)
    right = min(i for i, share in enumerate(fit) if share < 0.5)
    ends = [
        float(np.interp(0.5, (fit[b], fit[a]), (depths[b], depths[a])))
        for a, b in ((left, left + 1), (right - 1, right))
    ]
    return sum(ends) / 2


Truth = Curve | RecordedCurve


def recorded_curves(folder: Path) -> list[RecordedCurve]:
    """One truth for each cell of a results folder whose trials span the fall.

    Cells with the same results, as protocols that train alike have, count once.

    Raises:
        ValueError: If it is no results folder.
        Exception: What `depthbench.report.read_result` raises besides.
    """
    if not (folder / "study.toml").exists():
        raise ValueError(f"{folder} is no results folder: it has no study.toml")
    curves = [
        RecordedCurve.of(
            f"{folder.name}: {' '.join(cell.cell.key)}",
            [(t.depth, t.outcome is Outcome.TRAINED) for t in cell.evidence],
        )
        for cell in read_result(folder).cells
    ]
    found = {(c.depths, c.shares): c for c in reversed(curves) if c is not None}
    return list(reversed(found.values()))
