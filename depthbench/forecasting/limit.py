"""From what was measured at a few depths to the depth that a network will train to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median, stdev
from typing import Literal

# Thresholds of |D| in nats. Six correlation lengths: Schoenholz et al., "Deep
# information propagation", 2017; sixteen: Yang et al., "A mean field theory of batch
# normalization", 2019.
LITERATURE = (6.0, 16.0)

# Our own, chosen on the reference networks and frozen. A vanishing signal leaves its
# plateau in a time proportional to exp(|D| / 2), so that its threshold rises by 2 nats
# for each e-fold of learning rate times steps.
VANISHING = 5.7
EXPLODING = 18.0

# Times the loss before. `resnet` trains on at 102 layers after five times as much;
# `resnet_nobn` passes ten between 18 and 27, and half of its trainings fail at 21.
TOO_LARGE_A_STEP = 10.0

# The forecast is right within this factor for most networks it was scored on.
FACTOR = 1.5

Ended = Literal["learned", "failed", "waiting"]
LimitedBy = Literal[
    "signal vanishes", "signal explodes", "learning rate too large", "none found"
]


@dataclass(frozen=True, slots=True)
class AtDepth:
    """What untrained networks of one depth show; one entry a seed.

    Attributes:
        nats: D.
        loss_ratio: Loss after one step at the run's rate over that before it.
    """

    depth: int
    nats: tuple[float, ...]
    loss_ratio: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """A training of a few dozen small steps.

    Attributes:
        ended: `failed` if it diverged, or fell back to chance after it had begun to
            learn; `waiting` if it never began.
        num_steps: Made.
    """

    depth: int
    seed: int
    ended: Ended
    num_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How deep a network will train.

    Attributes:
        k50: Depth where half of all trainings succeed; None if no limit was found up
            to `deepest`: the budget will limit it.
        k90: Where nine in ten do, from the spread of D between seeds; None where the
            learning rate limits.
        low: `k50` over `FACTOR`.
        high: `k50` times `FACTOR`.
        limited_by: What sets it.
        signal: The limit of the signal alone; None beyond `deepest`.
        rate: That of the learning rate; None beyond the signal's limit.
        threshold: Of |D| in nats, (vanishing, exploding).
        deepest: Depth that was looked at.
    """

    architecture: str
    data: str
    lr: float
    k50: float | None
    k90: float | None
    low: float | None
    high: float | None
    limited_by: LimitedBy
    signal: float | None
    rate: float | None
    threshold: tuple[float, float]
    deepest: int
    measured: tuple[AtDepth, ...] = ()
    probes: tuple[Probe, ...] = ()
    closed_form: tuple[tuple[int, float], ...] = field(default=())


def thresholds(lr: float, momentum: float, num_steps: int) -> tuple[float, float]:
    """|D| in nats, where the gradient vanishes and where it explodes.

    Args:
        lr: Of SGD.
        momentum: Of SGD, below 1.
        num_steps: Of a training.
    """
    effective = lr / (1 - momentum) * num_steps
    return max(VANISHING + 2 * math.log(effective), LITERATURE[0]), EXPLODING


def success_probability(
    mean: float, deviation: float, limits: tuple[float, float]
) -> float:
    """Chance that D is between the thresholds.

    D is normal over seeds, as ln of the norm of a product of random matrices is:
    Hanin and Nica, "Products of many large random matrices and gradients in deep
    neural networks", 2020, theorem 1.
    """
    if deviation == 0:
        return float(-limits[0] <= mean <= limits[1])

    def below(edge: float) -> float:
        return 0.5 * (1 + math.erf((edge - mean) / deviation / math.sqrt(2)))

    return below(limits[1]) - below(-limits[0])


def typical(values: Sequence[float]) -> float:
    """The mean, or where a value is infinite, the median."""
    return fmean(values) if all(map(math.isfinite, values)) else median(values)


def signal_limit(
    measured: Sequence[AtDepth], limits: tuple[float, float], probability: float
) -> float | None:
    """Depth where the chance falls to `probability`; None if it does not.

    Linear in depth between two measured ones, in D and in its deviation.
    """
    points = [(0.0, 0.0, 0.0)]
    for each in measured:
        finite = [nats for nats in each.nats if math.isfinite(nats)]
        spread = stdev(finite) if len(finite) > 1 else 0.0
        points.append((float(each.depth), typical(each.nats), spread))
    for (k0, d0, s0), (k1, d1, s1) in pairwise(points):
        for share in (step / 50 for step in range(51)):
            if not math.isfinite(d1):
                mean = d1 if share > 0.5 else d0
            else:
                mean = d0 + share * (d1 - d0)
            chance = success_probability(mean, s0 + share * (s1 - s0), limits)
            if chance < probability:
                return k0 + share * (k1 - k0)
    return None


def first_step_limit(measured: Sequence[AtDepth]) -> float | None:
    """Depth from which one step multiplies the loss by ten in half of the networks."""
    for below, above in zip((None, *measured), measured, strict=False):
        middle = median(above.loss_ratio)
        if not middle < TOO_LARGE_A_STEP:
            low = below.depth if below else above.depth
            return math.sqrt(low * above.depth)
    return None
