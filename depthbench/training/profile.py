"""A network's profile: what its blocks carry forward and backward, at one moment."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from depthbench import runtime
from depthbench.record import Profile
from depthbench.training.blocks import BlockOutput, run_by_blocks
from depthbench.training.resident import ResidentData

NUM_IMAGES = 64

# Blocks of a profile at most, at equal distances; the first and the last are kept.
_MOST_BLOCKS = 48


def sample(data: ResidentData, num: int = NUM_IMAGES) -> tuple[Tensor, Tensor]:
    """Training images at equal distances, so that no class is missed, and labels."""
    count = len(data.train.labels)
    chosen = torch.linspace(0, count - 1, min(num, count)).long()
    images = data.normalized(data.train.images[chosen.to(data.mean.device)])
    return images, data.train.labels[chosen.to(data.mean.device)]


def profile_of(net: nn.Module, images: Tensor, labels: Tensor) -> Profile | None:
    """The profile of a copy of `net` in train mode; None if it has not two blocks.

    Nothing of the network changes, and no random number is taken from anyone.

    Raises:
        Exception: What a user's network raises when it is copied or run.
    """
    twin = copy.deepcopy(net).train().requires_grad_()
    with runtime.seeded_global_generators(0, "profile"):
        run = run_by_blocks(twin, images)
    if len(run.blocks) < 2:
        return None
    loss = functional.cross_entropy(run.heads[-1], labels)
    gradients = torch.autograd.grad(loss, [block.signal for block in run.blocks])
    return profiled(run.blocks, gradients, labels)


def profiled(
    blocks: Sequence[BlockOutput], gradients: Sequence[Tensor], labels: Tensor
) -> Profile:
    """The profile of blocks that were run, given the gradient at each."""
    signals = [block.signal for block in blocks]
    kept = _kept(len(blocks))
    return Profile(
        num_layers=tuple(blocks[i].num_layers for i in kept),
        deviation=tuple(_rounded(signals[i].detach().double().std()) for i in kept),
        gradient=tuple(_rounded(gradients[i].double().norm()) for i in kept),
        correlation=tuple(_rounded(_cosine(signals[i].detach(), labels)) for i in kept),
    )


def _kept(num: int) -> list[int]:
    places = torch.linspace(0, num - 1, min(num, _MOST_BLOCKS)).round().long().tolist()
    return list(dict.fromkeys(places))


def _cosine(signal: Tensor, labels: Tensor) -> Tensor:
    """The mean over pairs of images of different classes."""
    flat = functional.normalize(signal.flatten(1).double(), dim=1)
    differ = labels[:, None] != labels[None, :]
    return (flat @ flat.T)[differ].mean()


def _rounded(value: Tensor) -> float:
    return float(f"{value.item():.4g}")
