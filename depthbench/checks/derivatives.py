"""Autograd's gradient against differences of the loss, in float64."""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError, gradcheck

from depthbench import runtime
from depthbench.checks.result import Finding
from depthbench.checks.subject import Subject, gradients, loss_of, move_weights
from depthbench.checks.weights import in_float64
from depthbench.training.autograd_graph import has_batch_norm
from depthbench.training.penalty import penalized_weights
from depthbench.training.updates import Updates

# The error of a central difference is h^2/6 times the third derivative, plus rounding
# over h: a small slope needs a coarse step, a kink (of a ReLU, of a max pooling) less
# than h away a finer one. Some step has to agree; the likeliest first.
_STEPS = (1e-5, 1e-6, 1e-4, 1e-7, 1e-3)
_ROUNDING = 1e-15  # assumed, of a loss around 1: a few units in its last place
_TOLERANCE, _TOLERANCE_WITH_NORM = 1e-5, 1e-3
_NUM_IMAGES = 4
# A kink closer than the finest step looks like a wrong slope, but not a second time at
# weights a little away. A wrong backward pass is wrong everywhere.
_NUM_POINTS = 3
# All tensors of the smallest network are looked at; so many of others.
_MOST_TENSORS = 12
# Of a penalty that outweighs the loss. Its part of the update is the same code for all
# tensors, so that a few show whether it is right.
_L2, _MOST_TENSORS_WITH_L2 = 3.14, 4


def check_derivatives(subject: Subject, depth: int) -> Finding:
    """Autograd's slopes are those of central differences, to 1e-5 (with BN, 1e-3).

    By `torch.autograd.gradcheck`, along one direction in each parameter tensor that
    leans to its gradient, where the slope is steep. In float64, in train mode, of the
    loss of 4 images, without and with an L2 penalty, whose gradient is the one that a
    training's own update adds. At weights a little off the initial ones; it fails if
    the slopes disagree at three such points, and differences of two sizes agree.

    Source: Nocedal and Wright, "Numerical Optimization", 2006, section 8.1.
    """
    net, images = in_float64(subject, depth, _NUM_IMAGES)
    if images.dtype != torch.float64:
        return Finding(
            "skipped", "the network does not run in float64: something is float32"
        )
    labels = subject.labels[:_NUM_IMAGES]
    is_smallest = depth == subject.architecture.grid.start
    for _ in range(_NUM_POINTS):
        move_weights(net)
        finding = _at_point(net, images, labels, None if is_smallest else _MOST_TENSORS)
        if finding.verdict != "failed":
            break
    return finding


def _at_point(
    net: nn.Module, images: Tensor, labels: Tensor, most_tensors: int | None
) -> Finding:
    has_norm = has_batch_norm(loss_of(net, images, labels))
    tolerance = _TOLERANCE_WITH_NORM if has_norm else _TOLERANCE
    _, found = gradients(net, images, labels)
    known = {name: each for name, each in found.items() if each is not None}
    if not known:
        return Finding("skipped", "no parameter has a gradient")
    num = min(len(known), most_tensors or len(known))
    source = runtime.generator(0, "directions of checks")
    num_rough = 0
    for l2, most in ((0.0, num), (_L2, min(num, _MOST_TENSORS_WITH_L2))):
        loss = PenalizedLoss(net, images, labels, l2)
        completed = loss.slopes()
        # From the loss backwards, so that the first that is wrong is the nearest to it.
        places = torch.linspace(len(known) - 1, 0, most).round().long().tolist()
        for name in (list(known)[place] for place in places):
            line = _Line(loss, name, _leaning_to(completed[name], source))
            if _agrees(line, tolerance):
                continue
            right = line.settled_difference()
            if right is not None:
                return Finding("failed", _says(line, right, tolerance))
            num_rough += 1
    rough = f"; {num_rough} skipped: too rough for differences" if num_rough else ""
    return Finding(
        "passed",
        f"slopes by {num} of {len(known)} tensors agree with differences to "
        f"{tolerance:g}, without and with an L2 penalty{rough}",
    )


def _agrees(line: "_Line", tolerance: float) -> bool:
    """Whether differences of some size agree with autograd."""
    start = torch.zeros((), dtype=torch.float64, requires_grad=True)
    size = max(1.0, abs(line.value(0.0)))
    for step in _STEPS:
        try:
            gradcheck(
                lambda at: _Along.apply(at, line),
                (start,),
                eps=step,
                atol=_ROUNDING * size / step,
                rtol=tolerance,
                fast_mode=True,
            )
        except GradcheckError:
            continue
        return True
    return False


def _says(line: "_Line", right: float, tolerance: float) -> str:
    ours = line.slope
    error = abs(ours - right) / max(abs(ours), abs(right))
    return (
        f"{line.name}: autograd says {ours:.6g}, differences {right:.6g} (relative "
        f"error {error:.1e}, allowed {tolerance:g}); the wrong backward pass is there "
        "or nearer to the loss; if it is meant, as a surrogate gradient is, declare "
        'intended=("derivatives",)'
    )


def _leaning_to(gradient: Tensor, source: torch.Generator) -> Tensor:
    """A random direction with twice as much along a gradient, so that it is not 0."""
    drawn = torch.randn(gradient.shape, generator=source, dtype=torch.float64)
    direction: Tensor = 2 * gradient / gradient.norm().clamp_min(1e-300)
    return direction.add_(drawn / drawn.norm())


class PenalizedLoss:
    """Cross entropy, plus l2 times the sum of the squared weights."""

    def __init__(
        self, net: nn.Module, images: Tensor, labels: Tensor, l2: float
    ) -> None:
        self.net, self._images, self._labels, self._l2 = net, images, labels, l2
        try:
            self._penalized = penalized_weights(net) if l2 else []
        except ValueError:  # nothing to penalise, which another check reports
            self._penalized = []

    @torch.no_grad()
    def value(self) -> float:
        """At the present weights."""
        squares = sum(float(weight.square().sum()) for weight in self._penalized)
        loss = loss_of(self.net, self._images, self._labels).item()
        return loss + self._l2 * squares

    def slopes(self) -> dict[str, Tensor]:
        """Its gradient at the present weights, where autograd has one."""
        _, found = gradients(self.net, self._images, self._labels)
        return self.gradients({n: g for n, g in found.items() if g is not None})

    @torch.no_grad()
    def gradients(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of the cross entropy, as a training's own update completes them.

        They are read off a step of SGD at a learning rate of 1, which is taken back.
        """
        if not self._penalized:
            return dict(found)
        parameters = dict(self.net.named_parameters())
        kept = {name: parameter.clone() for name, parameter in parameters.items()}
        for name, parameter in parameters.items():
            parameter.grad = found.get(name)
        updates = Updates(
            parameters.values(),
            partial(torch.optim.SGD, lr=1.0),
            penalized=self._penalized,
            l2=self._l2,
            may_move=False,
        )
        updates.step()
        updates.forget_gradients()
        completed = {name: kept[name] - parameters[name] for name in found}
        for name, parameter in parameters.items():
            parameter.copy_(kept[name])
        return completed


class _Line:
    """The loss along a direction in one parameter tensor."""

    def __init__(self, loss: PenalizedLoss, name: str, direction: Tensor) -> None:
        self.name, self._loss, self._direction = name, loss, direction
        self._parameter = dict(loss.net.named_parameters())[name]
        self._kept = self._parameter.detach().clone()
        self._buffers = {b: b.clone() for b in loss.net.buffers()}
        found = loss.slopes()[name]
        self._restore()
        self.slope = float((found * direction).sum())  # autograd's

    def value(self, step: float) -> float:
        """At a distance from the present weights, which stay."""
        with torch.no_grad():
            self._parameter.copy_(self._kept + step * self._direction)
        value = self._loss.value()
        self._restore()
        return value

    def settled_difference(self) -> float | None:
        """The finest that the next coarser one agrees with, to a tenth of it.

        And to a tenth of its distance from autograd's. None if there is none, so that
        differences cannot tell.
        """
        steps = sorted(_STEPS, reverse=True)
        found = [(self.value(h) - self.value(-h)) / (2 * h) for h in steps]
        settled = [
            fine
            for coarse, fine in pairwise(found)
            if 10 * abs(coarse - fine) <= min(abs(fine), abs(self.slope - fine))
        ]
        return settled[-1] if settled else None

    @torch.no_grad()
    def _restore(self) -> None:
        self._parameter.copy_(self._kept)
        for buffer, kept in self._buffers.items():
            buffer.copy_(kept)


class _Along(torch.autograd.Function):
    """The loss along a line, with autograd's slope at its start as its derivative."""

    @staticmethod
    def forward(ctx: Any, step: Tensor, line: _Line) -> Tensor:
        ctx.slope = line.slope
        return step.new_tensor(line.value(step.item()))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.slope, None
