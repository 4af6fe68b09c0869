"""Checks of the loss before training, and of whether it can be driven to nothing."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from depthbench.checks.result import Finding
from depthbench.checks.subject import Subject, logits, loss_of
from depthbench.training.batches import as_heads, head_losses
from depthbench.training.penalty import penalized_weights
from depthbench.trial.look import same_draws

# Of ln C; or what logits of a variance of one half add to it, in nats. Ten percent of
# ln 2 alone would be less than what the usual initialisers do.
_TOLERANCE, _VARIANCE = 0.1, 0.5
_L2 = 1e-3
_NUM_SEEDS = 10

_RATES = (3e-3, 1e-2, 1e-3)
_NUM_STEPS = 150
_STEPS_PER_TEST = 10


@torch.no_grad()
def check_initial_loss(subject: Subject, depth: int) -> Finding:
    """Near ln C at the smallest depth, where an untrained network prefers no class.

    To 10 %, in the mean of 10 seeds, if the architecture promises it; a warning if it
    is more. At other depths it is only reported: in a residual network the signal, and
    with it the loss, grows with depth, and how far that lets it train is what
    depthbench measures. The loss of the best constant answer is reported beside it,
    and what a penalty c sum(W^2) adds.
    """
    start = subject.architecture.grid.start
    num_seeds = _NUM_SEEDS if depth == start else 1
    nets = [subject.build(depth, seed) for seed in range(num_seeds)]
    losses = [loss_of(net, subject.images, subject.labels).item() for net in nets]
    loss, num_classes = sum(losses) / num_seeds, subject.num_classes
    expected = math.log(num_classes)
    best = subject.chance_loss
    shares = f", best constant answer {best:.4g}" * (best < 0.99 * expected)
    says = f"{loss:.4g}, ln {num_classes} = {expected:.4g}{shares}"
    try:
        weights = penalized_weights(nets[0])
    except ValueError as error:
        return Finding("warning", f"{says}; {error}")
    penalty = _L2 * sum(weight.square().sum().item() for weight in weights)
    says += f"; with {_L2:g} sum(W^2) {penalty:.3g} more"
    if not subject.architecture.promises_initial_loss:
        return Finding("skipped", f"{says}; the architecture does not promise it")
    if depth != start:
        return Finding("skipped", f"{says}; promised at depth {start} alone")
    spread = _VARIANCE * (1 - 1 / num_classes) / 2
    if not abs(loss - expected) <= max(_TOLERANCE * expected, spread):
        return Finding(
            "warning",
            f"{says}: more than 10 % away, the untrained network prefers some classes; "
            "draw smaller weights, at least in the last layer, or say "
            "promises_initial_loss=False if this is meant",
        )
    return Finding("passed", says)


def check_overfit(subject: Subject, depth: int) -> Finding:
    """Learns 50 images by heart: all right within 150 steps of Adam on all of them.

    Adam (Kingma and Ba, 2015) whatever the architecture's own learning rate, which is
    one of SGD on large batches; at up to three rates, each from the initial weights. A
    warning if it does not: a sound network may need longer or another rate.
    """
    reached = [_Reached(0, 0, 0.0)]
    num = len(subject.labels)
    for rate in _RATES:
        best = _overfitted(subject, depth, rate)
        if best.num_right == num:
            return Finding(
                "passed",
                f"all of {num} images after {best.num_steps} steps of Adam at "
                f"{rate:g}, loss {best.loss:.3g}",
            )
        reached.append(best)
    most = max(reached)
    return Finding(
        "warning",
        f"at most {most.num_right} of {num} images are right within {_NUM_STEPS} steps "
        f"of Adam at {', '.join(f'{rate:g}' for rate in _RATES)}; the loss was then "
        f"{most.loss:.3g}, and {subject.chance_loss:.3g} is that of the best constant "
        "answer",
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
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=rate)
    best = _Reached(0, 0, math.inf)
    with same_draws():
        for step in range(_NUM_STEPS + 1):
            # Before the forward pass: the mode must not change until the backward pass
            # is done, which may compute parts of the network anew.
            right = 0
            if step % _STEPS_PER_TEST == 0:
                right = _num_right_in_evaluation(net, subject)
            heads = as_heads(net.train()(subject.images.clone()))
            loss = head_losses(heads, subject.labels).mean()
            right = max(right, _num_right(heads, subject.labels))
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
