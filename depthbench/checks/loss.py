"""Checks of the loss before training, and of whether it can be driven to nothing."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from depthbench.checks.result import Finding
from depthbench.checks.subject import Subject, logits, loss_of, same_draws
from depthbench.training.batches import as_heads, head_losses
from depthbench.training.penalty import penalized_weights

_TOLERANCE = 0.1
_L2 = 1e-3
_NUM_SEEDS = 10

_RATES = (3e-3, 1e-2, 1e-3)
_NUM_STEPS = 150
_STEPS_PER_TEST = 10


@torch.no_grad()
def check_initial_loss(subject: Subject, depth: int) -> Finding:
    """Near ln C at the smallest depth, where an untrained network prefers no class.

    To 10 %, in the mean of 10 seeds, if the architecture promises it. At other depths
    it is only told: in a residual network the signal, and with it the loss, grows with
    depth, and how far that lets it train is what depthbench measures. A penalty
    c sum(W^2) has to raise it.
    """
    start = subject.architecture.grid.start
    num_seeds = _NUM_SEEDS if depth == start else 1
    nets = [subject.build(depth, seed) for seed in range(num_seeds)]
    losses = [loss_of(net, subject.images, subject.labels).item() for net in nets]
    loss, expected = sum(losses) / num_seeds, math.log(subject.num_classes)
    says = f"{loss:.4g}, ln {subject.num_classes} = {expected:.4g}"
    try:
        weights = penalized_weights(nets[0])
    except ValueError as error:
        return Finding("warning", f"{says}; {error}")
    penalty = _L2 * sum(weight.square().sum().item() for weight in weights)
    if not penalty > 0:
        return Finding(
            "failed", f"{says}; a penalty of {_L2:g} sum(W^2) adds {penalty:g}"
        )
    says += f"; with {_L2:g} sum(W^2) {penalty:.3g} more"
    if not subject.architecture.promises_initial_loss:
        return Finding("left out", f"{says}; the architecture does not promise it")
    if depth != start:
        return Finding("left out", f"{says}; promised at depth {start} alone")
    if not abs(loss / expected - 1) <= _TOLERANCE:
        return Finding(
            "failed",
            f"{says}: more than 10 % away, the untrained network prefers some classes; "
            "draw smaller weights, at least in the last layer, or say "
            "promises_initial_loss=False if this is meant",
        )
    return Finding("passed", says)


def check_overfit(subject: Subject, depth: int) -> Finding:
    """Learns 50 images by heart: all right within 150 steps of Adam on all of them.

    Adam (Kingma and Ba, 2015) whatever the architecture's own learning rate, which is
    one of SGD on large batches; at up to three rates, each from the initial weights.
    """
    reached = [_Reached(0, 0, 0.0)]
    for rate in _RATES:
        best = _overfitted(subject, depth, rate)
        num = len(subject.labels)
        if best.num_right == num:
            return Finding(
                "passed",
                f"all of {num} images after {best.num_steps} steps of Adam at "
                f"{rate:g}, loss {best.loss:.3g}",
            )
        reached.append(best)
    most = max(reached)
    return Finding(
        "failed",
        f"at most {most.num_right} of {num} images are right within {_NUM_STEPS} steps "
        f"of Adam at {', '.join(f'{rate:g}' for rate in _RATES)}; the last loss there "
        f"was {most.loss:.3g}",
    )


class _Reached(NamedTuple):
    num_right: int
    num_steps: int
    loss: float


def _overfitted(subject: Subject, depth: int, rate: float) -> _Reached:
    """The most images right at any step, of the last head, and how the loss was then.

    In train mode, and at each tenth step in evaluation mode, too: a dropout keeps a
    network from being right in train mode.
    """
    net = subject.build(depth)
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    best = _Reached(0, 0, math.inf)
    with same_draws():
        for step in range(_NUM_STEPS + 1):
            heads = as_heads(net.train()(subject.images.clone()))
            loss = head_losses(heads, subject.labels).mean()
            right = _num_right(heads, subject.labels)
            if step % _STEPS_PER_TEST == 0:
                right = max(right, _num_right_in_evaluation(net, subject))
            best = max(best, _Reached(right, step, loss.item()), key=lambda b: b[0])
            if right == len(subject.labels):
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return best


@torch.no_grad()
def _num_right_in_evaluation(net: nn.Module, subject: Subject) -> int:
    return _num_right(logits(net.eval(), subject.images), subject.labels)


def _num_right(heads: tuple[Tensor, ...], labels: Tensor) -> int:
    return int((heads[-1].argmax(1) == labels).sum())
