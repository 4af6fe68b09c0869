"""Networks of one shape side by side in one, a replica each, to be trained at once."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.kernels.block import Block, ConvBlocks, Norm


class Replicas(nn.Module):
    """Stacks that differ in nothing but their weights, as one network.

    Every parameter has a leading axis of replicas, as have the running statistics.
    Nothing mixes replicas, so what becomes of one has no influence on another. Computed
    by the kernels of the stacks, which must be able to carry that axis.

    Args:
        nets: One a replica; copied.
        linear: Computes the heads.
    """

    def __init__(
        self, nets: Sequence[ConvStackNet], linear: "Linear | None" = None
    ) -> None:
        super().__init__()
        self._linear = linear or batched_linear
        self.stack = copy.deepcopy(nets[0])
        pairs = zip(self.stack.modules(), *(net.modules() for net in nets), strict=True)
        for module, *originals in pairs:
            for name, weight in module.named_parameters(recurse=False):
                weights = [cast(Tensor, getattr(one, name)) for one in originals]
                weight.data = torch.stack([one.detach() for one in weights])
            if isinstance(module, nn.BatchNorm2d):
                for name in ("running_mean", "running_var"):
                    values = [cast(Tensor, getattr(one, name)) for one in originals]
                    setattr(module, name, torch.stack(values))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [R, N, C, H, W] to logits [R, N, num_classes], shallowest first."""
        logits = []
        signals = self.stack.signals(images)
        for module, signal in zip(self.stack.heads, signals, strict=True):
            head = cast(nn.Linear, module)
            logits.append(self._linear(signal.flatten(2), head.weight, head.bias))
        return tuple(logits)


# Signal [R, N, in], weight [R, out, in], bias [R, out] to [R, N, out].
Linear = Callable[[Tensor, Tensor, Tensor], Tensor]


def batched_linear(signal: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """One matrix product for all replicas."""
    return bias.unsqueeze(-2).baddbmm(signal, weight.mT)


def linear_one_by_one(signal: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The slow twin, which rounds as a network alone does."""
    parts = zip(signal.unbind(), weight.unbind(), bias.unbind(), strict=True)
    return torch.stack([functional.linear(*part) for part in parts])


def one_by_one(conv_blocks: ConvBlocks) -> ConvBlocks:
    """Kernels that know no replicas, called for each: the slow twin of those that do.

    Signals, and every tensor of the blocks, have a leading axis of replicas.
    """

    def looped(signal: Tensor, blocks: Sequence[Block], pool: bool) -> Tensor:
        return torch.stack(
            [
                conv_blocks(part, [_replica(block, index) for block in blocks], pool)
                for index, part in enumerate(signal.unbind())
            ]
        )

    return looped


def _replica(block: Block, index: int) -> Block:
    norm = block.norm
    return replace(
        block,
        weight=block.weight[index],
        bias=block.bias[index],
        norm=norm if norm is None else _norm_replica(norm, index),
    )


def _norm_replica(norm: Norm, index: int) -> Norm:
    return replace(
        norm,
        gamma=norm.gamma[index],
        beta=norm.beta[index],
        running_mean=norm.running_mean[index],
        running_var=norm.running_var[index],
    )
