"""Checks of what comes out of a network, without any gradient."""

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.checks.result import Finding
from depthbench.checks.subject import Subject, logits
from depthbench.checks.weights import in_float64
from depthbench.training.batches import as_heads
from depthbench.trial.failures import described
from depthbench.trial.look import (
    apart,
    difference_of_modes,
    different_heads,
    heads_of,
    same_draws,
    undeclared_modes,
)

# Of logits of one image computed in batches of different size, which round differently.
_SAME = 1e-3
# A deep network that is chaotic makes much of a rounding, but nothing of this size out
# of one in float64. In float32 it may, so that no difference is certain there.
_SAME_IN_FLOAT64 = 1e-6


def check_logits(subject: Subject, depth: int) -> Finding:
    """Each head gives float32 logits [N, num_classes], as many heads in either mode.

    A warning if they are probabilities: the loss takes logits, and of probabilities it
    cannot fall below ln(1 + (C - 1)/e).
    """
    net, images = subject.build(depth), subject.images[:3]
    expected, numbers = (3, subject.num_classes), dict[str, int]()
    for mode in ("evaluation", "train"):
        heads = heads_of(net.train(mode == "train"), images, mode)
        numbers[mode] = len(heads)
        for place, head in enumerate(heads, start=1):
            if head.shape != expected or head.dtype != torch.float32:
                return Finding(
                    "failed",
                    f"head {place} of {len(heads)} gives {_kind(head)} for 3 images in "
                    f"{mode} mode; expected {_kind(torch.empty(expected))}, logits of "
                    f"{subject.num_classes} classes",
                )
    if len(set(numbers.values())) > 1:
        return Finding("failed", different_heads(numbers))
    if any(_are_probabilities(head) for head in heads):
        return Finding(
            "warning",
            "the outputs of an image are positive and sum to 1, like probabilities: "
            "the loss takes logits; leave the softmax out",
        )
    several = f"{len(heads)} heads, each " if len(heads) > 1 else ""
    return Finding("passed", f"{several}{_kind(heads[-1])} for 3 images")


def check_input(subject: Subject, depth: int) -> Finding:
    """The images given are not written to; a warning, as each is given once."""
    net = subject.build(depth)
    for mode in (False, True):
        given = subject.images[:3].clone()
        with torch.no_grad(), same_draws():
            net.train(mode)(given)
        if not torch.equal(given, subject.images[:3]):
            return Finding(
                "warning",
                "the network changes the images it is given: some operation on them "
                "works in place (x += 1, inplace=True); let it make a new tensor",
            )
    return Finding("passed", "the images are as they were before")


@torch.no_grad()
def check_repeatable(subject: Subject, depth: int) -> Finding:
    """The same images twice in evaluation mode give the same logits.

    A warning if that holds only for the same numbers from torch's generators.
    """
    net = subject.build(depth).eval()
    first, again = (logits(net, subject.images) for _ in range(2))
    distance = apart(first, again)
    if not distance <= _SAME:
        return Finding(
            "failed",
            f"the same images give other logits the second time (by {distance:.1e} of "
            "their size, in evaluation mode): is a layer made in forward(), or is "
            "something drawn or counted there?",
        )
    distance = apart(first, _drawn_anew(net, subject.images))
    if not distance <= _SAME:
        return Finding(
            "warning",
            "in evaluation mode the logits depend on random numbers (by "
            f"{distance:.1e} of their size): is a dropout without "
            "`training=self.training`?",
        )
    return Finding("passed", "the same images give the same logits twice")


def check_same_modes(subject: Subject, depth: int) -> Finding:
    """Who says `has_train_mode=False` gives the same in both modes."""
    knows = subject.architecture.has_train_mode
    difference = difference_of_modes(lambda: subject.build(depth), subject.images)
    if difference is None:
        return Finding("passed", f"has_train_mode={knows}; both modes give the same")
    if knows:
        return Finding("passed", f"has_train_mode=True; {difference}")
    return Finding("failed", undeclared_modes(difference))


def check_batches(subject: Subject, depth: int) -> Finding:
    """Runs on 1 image in evaluation mode and on 3 in train mode, whatever the batch.

    The last batch of an epoch has what is left. The logits of an image do not depend
    on the others beside it, in evaluation mode.
    """
    net, images = in_float64(subject, depth, 3)
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
        if apart(beside, _drawn_anew(net, images)) > _SAME:
            return Finding("skipped", "random numbers move the logits of every batch")
    distance = apart(heads, [head[:1] for head in beside])
    if not distance <= _tolerance(images):
        return _mixed(
            images,
            f"the logits of an image differ by {distance:.1e} of their size with "
            "others beside it, in evaluation mode: something mixes the images of a "
            "batch",
        )
    return Finding("passed", "1 image in evaluation mode, 3 in train mode")


@torch.no_grad()
def check_nan(subject: Subject, depth: int) -> Finding:
    """A NaN in one image makes its logits NaN, and those of no other (eval mode).

    A warning if they stay finite: a divergence would not show.
    """
    net, images = in_float64(subject, depth, 3)
    clean = logits(net.eval(), images)
    images = images.clone()
    images[1] = torch.nan
    heads = logits(net, images)
    others = [0, 2]
    distance = apart([h[others] for h in heads], [h[others] for h in clean])
    if not distance <= _tolerance(images):
        return _mixed(
            images,
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


def _drawn_anew(net: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """The logits with other numbers from torch's generators than all else here."""
    with runtime.seeded_global_generators(1, "draws of checks"):
        return as_heads(net(images.clone()))


def _tolerance(images: Tensor) -> float:
    return _SAME_IN_FLOAT64 if images.dtype == torch.float64 else _SAME


def _mixed(images: Tensor, says: str) -> Finding:
    """Certain in float64 alone."""
    is_certain = images.dtype == torch.float64
    return Finding("failed" if is_certain else "warning", says)


def _are_probabilities(head: Tensor) -> bool:
    sums = head.sum(1)
    return bool((head >= 0).all()) and torch.allclose(sums, torch.ones_like(sums))


def _kind(head: Tensor) -> str:
    name = str(head.dtype).removeprefix("torch.")
    return f"{name} {list(head.shape)}"
