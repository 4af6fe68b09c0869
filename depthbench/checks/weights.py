"""Checks of whether a loss reaches every weight, and over how many layers."""

import torch
from torch import Tensor, nn

from depthbench.checks.parameters import account
from depthbench.checks.result import Finding, listed
from depthbench.checks.subject import (
    Subject,
    gradients,
    logits,
    move_weights,
    trained_parameters,
)
from depthbench.training.autograd_graph import (
    hides_layers,
    num_weight_layers_on_path,
)
from depthbench.trial.look import apart
from depthbench.trial.network import num_weight_layers

_NUM_IMAGES = 8
_VANISHED = 1e-6


def check_parameters(subject: Subject, depth: int) -> Finding:
    """All that the loss depends on is a parameter of the network, and is trained.

    Fails for what no optimizer sees or no gradient reaches; warns of parameters that
    are not used, or are not of float32, and of matrices in plain attributes.
    """
    net, images = subject.build(depth), subject.images[:_NUM_IMAGES]
    wrong, left_over = account(net, images, subject.labels[:_NUM_IMAGES], l2=0.0)
    if wrong:
        return Finding("failed", "; ".join(wrong))
    if left_over:
        return Finding("warning", "; ".join(left_over))
    num, num_trained = len(list(net.parameters())), len(trained_parameters(net))
    also = f"; {num - num_trained} more are frozen" * (num > num_trained)
    return Finding("passed", f"all {num_trained} that are trained are registered{also}")


def check_gradients(subject: Subject, depth: int) -> Finding:
    """Every gradient is finite and not zero everywhere.

    At the initial weights, or near them: behind a layer that starts at 0 there is none
    at first. In float64, where the network runs in it, so that a small one is not 0.

    Warnings at most, as a gradient that vanishes or overflows may be what a depth is
    measured for; also if the first weights get a millionth of the last ones' gradient
    or less.
    """
    net, images = in_float64(subject, depth, _NUM_IMAGES)
    labels = subject.labels[:_NUM_IMAGES]
    _, every = gradients(net, images, labels)
    found = {name: g for name, g in every.items() if g is not None}
    if not found:
        return Finding("warning", "no parameter has a gradient")
    bad = [name for name, gradient in found.items() if not gradient.isfinite().all()]
    if bad:
        return Finding("warning", f"the gradient of {listed(bad)} is not finite")
    late = [name for name, gradient in found.items() if not gradient.any()]
    says = f"all {len(found)} are finite"
    if late:
        move_weights(net)
        _, again = gradients(net, images, labels)
        dead = [n for n in late if (g := again[n]) is None or not g.any()]
        if dead:
            return Finding(
                "warning",
                f"the gradient of {listed(dead)} is 0 everywhere, also at weights a "
                "little off the initial ones: the signal does not get there or is cut "
                "off behind it, as by units that are all inactive",
            )
        says += f"; that of {listed(late)} is 0 until the weights have moved"
    norms = [
        gradient.norm().item() for gradient in found.values() if gradient.dim() >= 2
    ]
    if len(norms) < 2 or 0 in (norms[0], norms[-1]):
        return Finding("passed", says)
    says += f"; from {norms[0]:.1e} at the first weights to {norms[-1]:.1e} at the last"
    if norms[0] <= _VANISHED * norms[-1]:
        return Finding(
            "warning", f"{says}: it vanishes on the way, expect it to stay at chance"
        )
    return Finding("passed", says)


def check_layers(subject: Subject, depth: int) -> Finding:
    """As many weight layers from image to logits as the tables will show.

    Counted in autograd's graph, on the longest path to the last head; a warning if
    that is another number than declared or, without a declaration, than the
    convolutions and linear layers. It fails only if the builder makes the same network
    at this depth as at the smallest one.
    """
    start, item = subject.architecture.grid.start, subject.architecture
    net = subject.build(depth)
    if depth > start and _are_same(subject, depth, start):
        return Finding(
            "failed",
            f"the same logits as at depth {start}, given the same random numbers: the "
            "builder does not use its argument `depth`",
        )
    _, found = gradients(net, subject.images[:3], subject.labels[:3])
    if any(gradient is None for gradient in found.values()):
        return Finding("skipped", "not every parameter has a gradient to follow")
    images = subject.images[:3].clone().requires_grad_()
    net.requires_grad_()  # the graph does not show what is frozen
    head = logits(net, images)[-1]
    if hides_layers(head):
        return Finding(
            "skipped", "reentrant checkpointing hides layers from autograd's graph"
        )
    num = num_weight_layers_on_path(head, images, net)
    shown = num_weight_layers(item, depth, net)
    size = sum(parameter.numel() for parameter in net.parameters())
    says = f"{num} weight layers from image to logits, {size:,} parameters"
    if num == shown:
        declared = ", as declared" * (item.num_weight_layers is not None)
        return Finding("passed", says + declared)
    if item.num_weight_layers is not None:
        return Finding("warning", f"{says}, but num_weight_layers({depth}) = {shown}")
    return Finding(
        "warning",
        f"{says}, but tables will show {shown}, its convolutions and linear layers; "
        "declare num_weight_layers",
    )


def in_float64(subject: Subject, depth: int, num: int) -> tuple[nn.Module, Tensor]:
    """The network and `num` images in float64; in float32 if it cannot run so."""
    net, images = subject.build(depth).double(), subject.images[:num].double()
    try:
        with torch.no_grad():
            logits(net, images)
    except Exception:  # in the user's own code, which may insist on float32
        return subject.build(depth), images.float()
    return subject.build(depth).double(), images


def _are_same(subject: Subject, depth: int, start: int) -> bool:
    """Whether both depths are one network, also at weights off the initial ones."""
    nets = [subject.build(k, entropy=(0, start)) for k in (depth, start)]
    shapes, others = ({n: p.shape for n, p in net.named_parameters()} for net in nets)
    if shapes != others:
        return False
    for net in nets:
        move_weights(net)
    with torch.no_grad():
        ours, theirs = (logits(net, subject.images[:3]) for net in nets)
    return len(ours) == len(theirs) and apart(ours, theirs) == 0
