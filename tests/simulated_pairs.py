"""Whether the interval of a ratio covers the truth, on made-up pairs of studies.

Run as a program, it simulates comparisons of each kind, as many as its argument says,
and prints a line a kind; `test_ratio.py` runs a reduced number. Each side is a real
search over trials that succeed by a logistic fall at k50 = 40 or 50; what the two
sides' luck has in common is `LUCKS`, the curves are `SHAPES`.

With 100 comparisons a kind, 36 kinds, the 90 % interval held the true ratio in these
shares; in brackets, if pairs are not used:

                lowest of 12 kinds    mean
    grid        0.88 (0.91)           0.93 (0.96)
    bisect      0.94 (0.95)           0.98 (0.99)
    posterior   0.95 (0.97)           0.99 (0.99)

The exact test on pairs was significant, with p of at most 0.1, in at most 0.05 of the
comparisons of equal sides (12 kinds), and in 0.39 to 0.88 of those with a ratio of 1.25
on a grid of 52 pairs; in 0 to 0.28 after the other searches, which make 11 to 19.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from builders import under

from depthbench.curves import CurvePosterior
from depthbench.curves.pairs import Pair, PairCounts
from depthbench.curves.ratio import RatioPosterior, compare_curves
from depthbench.record import EpochRecord, Outcome, TrialRecord
from depthbench.search import plan_cell
from depthbench.spec import Cell, Criterion, StudySpec, TrialSpec

CAP = 150
STUDIES = {
    "grid": StudySpec(arch=("x",), search="grid", depths=(15, 90), seeds=2, cap=CAP),
    "bisect": StudySpec(arch=("x",), search="bisect", seeds=3, cap=CAP),
    "posterior": StudySpec(
        arch=("x",), search="posterior", precision=0.1, max_trials=25, cap=CAP
    ),
}
GOOD = EpochRecord(
    train_loss=(0.1,),
    train_error=(0.05,),
    test_loss=(0.1,),
    test_error=(0.05,),
    seconds=1.0,
)
BAD = replace(GOOD, train_error=(0.9,), test_error=(0.9,))


@dataclass(frozen=True)
class Curve:
    """The chance to train: a logistic fall, as in `depthbench.curves.model`."""

    k50: float
    width: float
    lapse: float

    def success(self, depth: int) -> float:
        odds = math.log(0.5 / (1 - self.lapse)) - math.log1p(-0.5 / (1 - self.lapse))
        location = self.k50 / (1 - self.width * odds)
        x = (location - depth) / (self.width * location)
        return (1 - self.lapse) / (1 + math.exp(-x))


@dataclass(frozen=True)
class Luck:
    """What trials have in common, as shares of the variance of a normal number.

    Attributes:
        pair: Of A's and B's trial at one depth and seed.
        seed: Of all trials of A and B with one seed, at any depth.
    """

    pair: float
    seed: float = 0.0

    def drawn(self, world: int, side: int, depth: int, seed: int) -> float:
        """Uniform on (0, 1)."""
        own = 1 - self.pair - self.seed
        total = (
            math.sqrt(self.pair) * normal(world, 2, depth, seed)
            + math.sqrt(self.seed) * normal(world, 3, 0, seed)
            + math.sqrt(own) * normal(world, side, depth, seed)
        )
        return NormalDist().cdf(total)


def normal(*key: int) -> float:
    return float(np.random.default_rng(key).standard_normal())


def cell_of(side: int) -> Cell:
    template = TrialSpec(architecture="ab"[side], depth=3, data="x", seed=0, lr=0.1)
    return Cell(protocol="standard", template=template, criterion=Criterion())


def searched(
    study: StudySpec, curve: Curve, luck: Luck, world: int, side: int
) -> dict[tuple[int, int], bool]:
    """Outcomes by (depth, seed) of one search."""
    cell = cell_of(side)
    records: list[TrialRecord] = []
    while wanted := (plan := plan_cell(under(study, cell), records)).wanted:
        for spec in wanted:
            lot = luck.drawn(world, side, spec.depth, spec.seed)
            epoch = GOOD if lot < curve.success(spec.depth) else BAD
            records.append(
                TrialRecord(
                    spec=spec, outcome=Outcome.STUCK, epochs=(epoch,), num_classes=10
                )
            )
    asked = {(spec.depth, spec.seed) for spec in plan.asked}
    return {
        (r.spec.depth, r.spec.seed): r.epochs[0] is GOOD
        for r in records
        if (r.spec.depth, r.spec.seed) in asked
    }


def compared(
    search: str, curves: tuple[Curve, Curve], luck: Luck, world: int
) -> tuple[RatioPosterior, RatioPosterior, PairCounts]:
    """The comparison of two searches, with its pairs and without; and the pairs."""
    study = STUDIES[search]
    a, b = (searched(study, curves[side], luck, world, side) for side in (0, 1))
    pairs = [Pair(depth, a[depth, s], b[depth, s]) for depth, s in a.keys() & b.keys()]
    posteriors = [
        CurvePosterior.given(
            [(depth, trained) for (depth, _), trained in sorted(trials.items())],
            shallowest=3,
            deepest=CAP,
        )
        for trials in (a, b)
    ]
    return (
        compare_curves(posteriors[0], posteriors[1], pairs),
        compare_curves(posteriors[0], posteriors[1], []),
        PairCounts.of(pairs),
    )


@dataclass(frozen=True)
class Score:
    """Shares of the comparisons, and the median length of intervals with two ends.

    Attributes:
        covered: The interval holds the true ratio.
        covered_unpaired: The interval without the pairs does.
        length: Of the interval, in the logarithm.
        told_apart: 1 lies outside the interval.
        significant: The test on pairs has a p-value of at most 0.1.
    """

    num: int
    covered: float
    covered_unpaired: float
    length: float
    length_unpaired: float
    told_apart: float
    significant: float
    num_pairs: float


def score(search: str, curves: tuple[Curve, Curve], luck: Luck, worlds: range) -> Score:
    truth = curves[1].k50 / curves[0].k50
    found = [compared(search, curves, luck, world) for world in worlds]

    def share(values: Iterator[bool]) -> float:
        return sum(values) / len(found)

    return Score(
        num=len(found),
        covered=share(holds(paired, truth) for paired, _, _ in found),
        covered_unpaired=share(holds(alone, truth) for _, alone, _ in found),
        length=float(np.median([length(paired) for paired, _, _ in found])),
        length_unpaired=float(np.median([length(alone) for _, alone, _ in found])),
        told_apart=share(not holds(paired, 1.0) for paired, _, _ in found),
        significant=share((counts.p_value or 1) <= 0.1 for _, _, counts in found),
        num_pairs=float(np.mean([counts.total for _, _, counts in found])),
    )


def holds(posterior: RatioPosterior, ratio: float) -> bool:
    interval = posterior.ratio
    return (interval.low or 0) <= ratio <= (interval.high or math.inf)


def length(posterior: RatioPosterior) -> float:
    interval = posterior.ratio
    return math.log((interval.high or math.inf) / (interval.low or 1e-300))


LUCKS = {"own": Luck(0.0), "half": Luck(0.5), "most": Luck(0.9), "seed": Luck(0.3, 0.3)}
# Width, lapse, true ratio.
SHAPES = ((0.15, 0.05, 1.0), (0.15, 0.05, 1.25), (0.05, 0.0, 1.25))


def main() -> None:
    num = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print("search luck width lapse ratio |  n covered unpaired length unpaired", end="")
    print(" told-apart significant pairs")
    for search in STUDIES:
        for name, luck in LUCKS.items():
            for width, lapse, ratio in SHAPES:
                curves = (Curve(40, width, lapse), Curve(40 * ratio, width, lapse))
                s = score(search, curves, luck, range(num))
                print(
                    f"{search:9} {name:4} {width:.2f} {lapse:.2f} {ratio:.2f} |"
                    f" {s.num} {s.covered:.3f} {s.covered_unpaired:.3f}"
                    f" {s.length:.3f} {s.length_unpaired:.3f} {s.told_apart:.3f}"
                    f" {s.significant:.3f} {s.num_pairs:.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
