"""Checks of what comes out of a network, without any gradient."""

import torch
from torch import Tensor, nn

from depthbench.checks.result import Finding
from depthbench.checks.subject import Subject, logits, same_draws
from depthbench.training.batches import as_heads
from depthbench.trial.failures import described

# Of logits of one image computed in batches of different size, which round differently.
_SAME = 1e-3


def check_logits(subject: Subject, depth: int) -> Finding:
    """Each head gives float32 logits [N, num_classes], in either mode of the network.

    A warning if they are probabilities: the loss takes logits, and of probabilities it
    cannot fall below ln(1 + (C - 1)/e).
    """
    net, images = subject.build(depth), subject.images[:3]
    expected = (3, subject.num_classes)
    for mode in ("evaluation", "train"):
        with torch.no_grad():
            heads = logits(net.train(mode == "train"), images)
        for place, head in enumerate(heads, start=1):
            if head.shape != expected or head.dtype != torch.float32:
                return Finding(
                    "failed",
                    f"head {place} of {len(heads)} gives {_kind(head)} for 3 images in "
                    f"{mode} mode; expected {_kind(torch.empty(expected))}, logits of "
                    f"{subject.num_classes} classes",
                )
    if any(_are_probabilities(head) for head in heads):
        return Finding(
            "warning",
            "the outputs of an image are positive and sum to 1, like probabilities: "
            "the loss takes logits; leave the softmax out",
        )
    several = f"{len(heads)} heads, each " if len(heads) > 1 else ""
    return Finding("passed", f"{several}{_kind(heads[-1])} for 3 images")


def check_input(subject: Subject, depth: int) -> Finding:
    """The images given are not written to."""
    net = subject.build(depth)
    for mode in (False, True):
        given = subject.images[:3].clone()
        with torch.no_grad(), same_draws():
            net.train(mode)(given)
        if not torch.equal(given, subject.images[:3]):
            return Finding(
                "failed",
                "the network changes the images it is given: some operation on them "
                "works in place (x += 1, inplace=True); let it make a new tensor",
            )
    return Finding("passed", "the images are as they were before")


@torch.no_grad()
def check_repeatable(subject: Subject, depth: int) -> Finding:
    """The same images twice in evaluation mode give the same logits."""
    net = subject.build(depth).eval()
    with same_draws():
        first, again = (as_heads(net(subject.images[:3].clone())) for _ in range(2))
    apart = _distance(first, again)
    if not apart <= _SAME:
        return Finding(
            "failed",
            f"the same images give other logits the second time (by {apart:.1e} of "
            "their size, in evaluation mode): is a layer made in forward(), or is "
            "something drawn or counted there?",
        )
    return Finding("passed", "the same images give the same logits twice")


def check_batches(subject: Subject, depth: int) -> Finding:
    """Runs on 1 image in evaluation mode and on 3 in train mode, whatever the batch.

    The last batch of an epoch has what is left. The logits of an image do not depend
    on the others beside it, in evaluation mode.
    """
    net, images = subject.build(depth), subject.images[:3]
    for mode, num in (("train", 3), ("evaluation", 1)):
        try:
            with torch.no_grad():
                heads = logits(net.train(mode == "train"), images[:num])
        except Exception as error:  # in the user's own code
            return Finding(
                "failed", f"a batch of {num} in {mode} mode: {described(error)}"
            )
        shapes = [tuple(head.shape) for head in heads]
        if any(shape != (num, subject.num_classes) for shape in shapes):
            return Finding(
                "failed",
                f"a batch of {num} in {mode} mode gives logits of shape {shapes[0]}; "
                f"expected {(num, subject.num_classes)}",
            )
    with torch.no_grad():
        beside = logits(net, images)
    apart = _distance(heads, [head[:1] for head in beside])
    if not apart <= _SAME:
        return Finding(
            "failed",
            f"the logits of an image differ by {apart:.1e} of their size with others "
            "beside it, in evaluation mode: something mixes the images of a batch",
        )
    return Finding("passed", "1 image in evaluation mode, 3 in train mode")


@torch.no_grad()
def check_nan(subject: Subject, depth: int) -> Finding:
    """A NaN in one image makes its logits NaN, and those of no other (eval mode).

    A warning if they stay finite: a divergence would not show.
    """
    net, images = subject.build(depth).eval(), subject.images[:3].clone()
    clean = logits(net, images)
    images[1] = torch.nan
    heads = logits(net, images)
    others = [0, 2]
    apart = _distance([h[others] for h in heads], [h[others] for h in clean])
    if not apart <= _SAME:
        return Finding(
            "failed",
            "a NaN in one image reaches the logits of others, in evaluation mode: "
            "something mixes the images of a batch",
        )
    if not all(head[1].isnan().all() for head in heads):
        return Finding(
            "warning",
            "an image of NaN has finite logits: something on the way replaces NaN, so "
            "that a diverged training would not be seen",
        )
    return Finding("passed", "a NaN in an image stays with it")


@torch.no_grad()
def check_seeds(subject: Subject, depth: int) -> Finding:
    """The same seed gives the same weights, another seed others."""
    first, again, other = (subject.build(depth, seed) for seed in (0, 0, 1))
    changed = _differing(first, again)
    if changed:
        return Finding(
            "failed",
            f"the same seed gives other values of {changed[0]} the second time "
            f"({len(changed)} of {len(first.state_dict())} tensors): draw from the "
            "`generator` given, or from torch's own, not from numpy or random",
        )
    num_new = len(_differing(first, other))
    if not num_new:
        return Finding(
            "failed",
            "seeds 0 and 1 give the same weights: nothing is drawn, or torch is seeded "
            "in the builder; draw from the `generator` given",
        )
    return Finding("passed", f"another seed changes {num_new} tensors, the same none")


def _differing(one: nn.Module, other: nn.Module) -> list[str]:
    theirs = other.state_dict()
    return [
        name
        for name, value in one.state_dict().items()
        if not torch.equal(value, theirs[name])
    ]


def _distance(
    heads: tuple[Tensor, ...] | list[Tensor], others: tuple[Tensor, ...] | list[Tensor]
) -> float:
    """The largest difference over the largest value; NaN if only one of two is."""
    ours, theirs = (torch.stack([*each]).double() for each in (heads, others))
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    apart = (ours - theirs)[~same].abs()
    return (apart.max() / theirs.abs().max()).item() if len(apart) else 0.0


def _are_probabilities(head: Tensor) -> bool:
    sums = head.sum(1)
    return bool((head >= 0).all()) and torch.allclose(sums, torch.ones_like(sums))


def _kind(head: Tensor) -> str:
    name = str(head.dtype).removeprefix("torch.")
    return f"{name} {list(head.shape)}"
