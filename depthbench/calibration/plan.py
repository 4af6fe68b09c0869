"""Which truths are searched, how, and how often."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import product

import pandas as pd

from depthbench.calibration.curves import Curve, Shape, Truth
from depthbench.calibration.simulate import Decisions, simulate
from depthbench.calibration.summary import summarize
from depthbench.search import PosteriorSearch
from depthbench.spec import DepthGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPlan:
    """What a calibration simulates: combinations of the synthetic truths.

    Attributes:
        k50s: Depths, in layers.
        widths: Relative to k50.
        lapses: Shares.
        shapes: See `Curve`.
        normal_k50s: Depths that the normal shape, which differs little, is tried at.
        seed_shares: Of the luck, that seeds keep at every depth; tried besides 0, on
            logistic curves without lapses, at `seed_k50s` and `seed_widths`.
        seed_k50s: Depths.
        seed_widths: Relative to k50.
        num_searches: In each cell, by each method.
        seed: Of all randomness.
        search: The posterior's settings; the bisection takes its depths and cap.
        num_seeds: Trainings that decide a depth in the bisection.
    """

    k50s: tuple[float, ...] = (30, 60, 100, 200, 300)
    widths: tuple[float, ...] = (0.03, 0.10, 0.20, 0.30)
    lapses: tuple[float, ...] = (0.0, 0.08)
    shapes: tuple[Shape, ...] = ("logistic", "normal", "dip", "island")
    normal_k50s: tuple[float, ...] = (60, 200)
    seed_shares: tuple[float, ...] = (0.3, 0.6, 0.9)
    seed_k50s: tuple[float, ...] = (30, 60, 200)
    seed_widths: tuple[float, ...] = (0.10, 0.20)
    num_searches: int = 20
    seed: int = 0
    search: PosteriorSearch = field(
        default_factory=lambda: PosteriorSearch(grid=DepthGrid(), cap=768)
    )
    num_seeds: int = 3

    @property
    def settings(self) -> str:
        """A hash of all but the number of searches and the seed."""
        text = json.dumps(asdict(replace(self, num_searches=0, seed=0)))
        return sha256(text.encode()).hexdigest()[:12]

    @property
    def curves(self) -> Iterator[Curve]:
        """The synthetic truths."""
        for shape, width, lapse, k50 in product(
            self.shapes, self.widths, self.lapses, self.k50s
        ):
            if shape != "normal" or k50 in self.normal_k50s:
                yield Curve(k50, width, lapse, shape)
        for share, width, k50 in product(
            self.seed_shares, self.seed_widths, self.seed_k50s
        ):
            if width in self.widths and k50 in self.k50s and 0 in self.lapses:
                yield Curve(k50, width, 0.0, "logistic", share)


FULL = CalibrationPlan()
QUICK = CalibrationPlan(k50s=(60, 200), widths=(0.03, 0.20))


def run_calibration(
    plan: CalibrationPlan,
    recorded: Sequence[Truth] = (),
    *,
    report: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """The rows of `summarize`, a truth after the other; the same for the same plan."""
    decisions: Decisions = {}
    truths: list[Truth] = [*plan.curves, *recorded]
    found = []
    for place, truth in enumerate(truths, 1):
        answers = simulate(
            truth,
            plan.search,
            seed=plan.seed,
            num_searches=plan.num_searches,
            num_seeds=plan.num_seeds,
            decisions=decisions,
        )
        found.append(summarize(truth, answers))
        report(f"{place} of {len(truths)}: {truth.name}")
    return pd.concat(found, ignore_index=True)
