"""Autograd's gradient against differences of the loss, in float64."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.checks.penalized_loss import PenalizedLoss
from depthbench.checks.result import Finding
from depthbench.checks.subject import Subject, gradients, loss_of, move_weights
from depthbench.checks.weights import in_float64
from depthbench.training.autograd_graph import has_batch_norm

# From coarse to fine. The error of a central difference is h^2/6 times the third
# derivative, plus rounding over h: a small slope needs a coarse step, a kink (of a
# ReLU, of a max pooling) less than h away a finer one. Some step has to agree.
_STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
_ROUNDING = 1e-15  # assumed, of a loss around 1: a few units in its last place
_TOLERANCE, _TOLERANCE_WITH_NORM = 1e-5, 1e-3
_NUM_IMAGES = 4
# A kink closer than the finest step looks like a wrong slope, but not a second time at
# weights a little away. A wrong backward pass is wrong everywhere.
_NUM_POINTS = 3
_NUM_DIRECTIONS = 2
# Of the loss alone, and with a penalty that outweighs it.
_L2_STRENGTHS = (0.0, 3.14)
# Entries are looked at in all tensors of the smallest network; in so many of others.
_MOST_TENSORS = 12


@dataclass(frozen=True, slots=True)
class _Slope:
    """A derivative both ways.

    Attributes:
        name: Of the parameter; "" for a direction through all of them.
        ours: Autograd's.
        right: From differences.
        error: |ours - right| over the larger of the two.
        rounding: Of `right`, roughly.
        is_told: Whether differences can tell: whether autograd's slope agrees with one
            that rounding leaves exact enough, or disagrees with all by more than
            rounding while two of them agree with each other.
    """

    name: str
    ours: float
    right: float
    error: float
    rounding: float
    is_told: bool = True

    def settles(self, coarse: "_Slope") -> bool:
        """Whether a coarser step gave the same, to a tenth of it and of the gap."""
        apart = 10 * abs(coarse.right - self.right)
        is_steady = apart <= abs(self.right) + 100 * self.rounding
        return is_steady and apart <= abs(self.ours - self.right)


def check_derivatives(subject: Subject, depth: int) -> Finding:
    """Autograd's slopes are those of central differences, to 1e-5 (with BN, 1e-3).

    In float64, in train mode, of the loss of 4 images, at weights a little off the
    initial ones; it fails if they disagree at three such points. Along 2 random
    directions that lean to the gradient, and by two entries of parameter tensors each:
    one at random and the one with the steepest slope. Both without and with an L2
    penalty, whose gradient is the one that a training's own update adds. Parameters
    without a gradient are the business of another check.

    Source: Nocedal and Wright, "Numerical Optimization", 2006, section 8.1.
    """
    net, images = in_float64(subject, depth, _NUM_IMAGES)
    if images.dtype != torch.float64:
        return Finding(
            "left out", "the network does not run in float64: something is float32"
        )
    labels = subject.labels[:_NUM_IMAGES]
    for _ in range(_NUM_POINTS):
        move_weights(net)
        finding = _at_point(subject, depth, net, images, labels)
        if finding.verdict != "failed":
            break
    return finding


def _at_point(
    subject: Subject, depth: int, net: nn.Module, images: Tensor, labels: Tensor
) -> Finding:
    has_norm = has_batch_norm(loss_of(net, images, labels))
    tolerance = _TOLERANCE_WITH_NORM if has_norm else _TOLERANCE
    _, found = gradients(net, images, labels)
    known = {name: each for name, each in found.items() if each is not None}
    if not known:
        return Finding("left out", "no parameter has a gradient")
    is_smallest = depth == subject.architecture.grid.start
    num = len(known) if is_smallest else min(len(known), _MOST_TENSORS)
    along: list[_Slope] = []
    entries: list[_Slope] = []
    for l2 in _L2_STRENGTHS:
        loss = PenalizedLoss(net, images, labels, l2)
        slopes = _Slopes(loss, loss.gradients(known), tolerance)
        along += slopes.along_directions()
        entries += slopes.of_entries(num)
    return _judged(along, entries, f"{num} of {len(known)}", tolerance)


def _judged(
    along: list[_Slope], entries: list[_Slope], tensors: str, tolerance: float
) -> Finding:
    told = [slope for slope in entries if slope.is_told]
    wrong = [slope for slope in told if not slope.error < tolerance]
    if wrong:
        last = wrong[-1]
        return Finding(
            "failed",
            f"{last.name}: autograd says {last.ours:.6g}, differences {last.right:.6g} "
            f"(relative error {last.error:.1e}, allowed {tolerance:g}); {len(wrong)} "
            f"of {len(told)} entries differ, that is the last: the wrong backward pass "
            "is there or nearer to the loss",
        )
    says = (
        f"entries of {tensors} tensors to {_worst(told)}, directions to "
        f"{_worst(along)}; allowed {tolerance:g}"
    )
    if any(not slope.error < tolerance for slope in along if slope.is_told):
        return Finding("failed", says)
    flat = len(entries) - len(told)
    lost = f"; {flat} of {len(entries)} entries left out: too flat, or too rough"
    return Finding("passed", says + (lost if flat else ""))


def _worst(slopes: list[_Slope]) -> str:
    errors = [slope.error for slope in slopes if slope.is_told]
    return f"{max(errors):.1e}" if errors else "(all too flat to tell)"


class _Slopes:
    """Slopes of the loss of one batch by the parameters of one network."""

    def __init__(
        self, loss: PenalizedLoss, found: Mapping[str, Tensor], tolerance: float
    ) -> None:
        self._loss, self._found, self._tolerance = loss, found, tolerance
        parameters = dict(loss.net.named_parameters())
        self._parameters = {name: parameters[name] for name in found}
        self._source = runtime.generator(0, "directions of checks")

    def along_directions(self) -> Iterator[_Slope]:
        """Through all parameters; leaning to the gradient, where the slope is steep."""
        for _ in range(_NUM_DIRECTIONS):
            random = {name: self._drawn(g.shape) for name, g in self._found.items()}
            lean, length = _length(self._found), _length(random)
            direction = {
                name: gradient / max(lean, 1e-300) + random[name] / length
                for name, gradient in self._found.items()
            }
            yield self._slope("", direction)

    def of_entries(self, num_tensors: int) -> Iterator[_Slope]:
        """Two of each of so many tensors, at equal distances from first to last."""
        names = list(self._found)
        places = torch.linspace(0, len(names) - 1, num_tensors).round().long().tolist()
        for name in (names[place] for place in places):
            gradient = self._found[name].flatten()
            drawn = torch.randint(len(gradient), (), generator=self._source).item()
            steepest = gradient.abs().argmax().item()
            for place in dict.fromkeys((drawn, steepest)):
                entry = torch.zeros_like(gradient)
                entry[int(place)] = 1.0
                yield self._slope(name, {name: entry.view_as(self._found[name])})

    def _drawn(self, shape: torch.Size) -> Tensor:
        return torch.randn(shape, generator=self._source, dtype=torch.float64)

    def _slope(self, name: str, direction: Mapping[str, Tensor]) -> _Slope:
        ours = sum(float((self._found[key] * v).sum()) for key, v in direction.items())
        slopes: list[_Slope] = []
        may_agree = False
        for step in _STEPS:
            right, loss = self._difference(direction, step)
            size, gap = max(abs(ours), abs(right)), abs(ours - right)
            allowed, rounding = size * self._tolerance, _ROUNDING * max(1, loss) / step
            slope = _Slope(name, ours, right, gap / size if size else 0.0, rounding)
            if rounding <= allowed and gap < allowed:
                return slope
            if rounding > allowed and not slopes:
                break
            may_agree = may_agree or gap < allowed + 10 * rounding
            slopes.append(slope)
        settled = [finer for coarse, finer in pairwise(slopes) if finer.settles(coarse)]
        if may_agree or not settled:
            return replace(slope, is_told=False)
        return settled[-1]

    @torch.no_grad()
    def _difference(
        self, direction: Mapping[str, Tensor], step: float
    ) -> tuple[float, float]:
        """The central difference quotient, and the size of the loss."""
        kept = {name: self._parameters[name].clone() for name in direction}
        losses = []
        for sign in (1.0, -1.0):
            for name, value in direction.items():
                self._parameters[name].copy_(kept[name] + sign * step * value)
            losses.append(self._loss.value())
        for name, value in kept.items():
            self._parameters[name].copy_(value)
        return (losses[0] - losses[1]) / (2 * step), abs(losses[0])


def _length(tensors: Mapping[str, Tensor]) -> float:
    return math.sqrt(sum(float(each.square().sum()) for each in tensors.values()))
