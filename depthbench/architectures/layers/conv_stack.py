"""Three stages of 3x3 convolutions, average pooling between them, linear heads."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from depthbench.kernels import reference
from depthbench.kernels.block import Block, ConvBlocks, GroupNorm, Norm, Padding

# 1 / deviation of an activation's output for standard normal input; 1 for others.
_GAIN: Mapping[str, float] = {
    "elu": 1.2708434178,
    "relu": math.sqrt(2 / (1 - 1 / math.pi)),
    "tanh": 1.5925374197,
}
_GATE_BIAS = -2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKind:
    """What follows a convolution, as in `kernels.block.Block` and in `Stack`.

    Attributes:
        factor: Of a branch beside a shortcut, at the start; None for 1.
        learns_factor: Whether it is trained.
    """

    activation: str
    batch_norm: bool
    skip: bool
    group_norm: int = 0
    gamma: float = 1.0
    standardized: bool = False
    factor: float | None = None
    learns_factor: bool = False
    gated: bool = False
    padding: Padding = "zeros"
    slopes: tuple[float, float] = (1.0, 0.0)


class ConvBlock(nn.Module):
    """The weights of one block; see `Block` for what is computed with them."""

    def __init__(self, in_channels: int, out_channels: int, kind: BlockKind) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm: nn.BatchNorm2d | nn.GroupNorm | None = None
        if kind.group_norm:
            self.norm = nn.GroupNorm(kind.group_norm, out_channels)
        elif kind.batch_norm:
            self.norm = nn.BatchNorm2d(out_channels)
        if self.norm is not None and kind.gamma != 1:
            nn.init.constant_(self.norm.weight, kind.gamma)
        self.kind = kind
        has_same_shape = in_channels == out_channels
        self.adds_input = kind.skip and has_same_shape
        self.gain: nn.Parameter | None = None
        if kind.standardized:
            self.gain = nn.Parameter(torch.ones(out_channels))
        self.gate: nn.Conv2d | None = None
        if kind.gated and has_same_shape:
            self.gate = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.factor: Tensor | None
        has_factor = kind.factor is not None and self.adds_input
        value = torch.tensor(kind.factor) if has_factor else None
        if kind.learns_factor and value is not None:
            self.factor = nn.Parameter(value)
        else:
            self.register_buffer("factor", value)

    def block(self) -> Block:
        """What to compute in the present mode of this module."""
        conv, kind = self.conv, self.kind
        assert conv.bias is not None
        return Block(
            weight=conv.weight if self.gain is None else self._standardized(self.gain),
            bias=conv.bias,
            norm=_norm(self.norm) if self.norm is not None else None,
            activation=kind.activation,
            adds_input=self.adds_input,
            factor=self.factor,
            slopes=kind.slopes,
            padding=kind.padding,
            gate=_weight_and_bias(self.gate) if self.gate is not None else None,
        )

    def _standardized(self, gain: Tensor) -> Tensor:
        """See `Stack.standardized`; the gain multiplies in the same operation."""
        weight = self.conv.weight
        scale = _GAIN.get(self.kind.activation, 1.0) / math.sqrt(weight[0].numel())
        rows = weight.reshape(1, len(weight), -1)
        rows = functional.batch_norm(
            rows, None, None, weight=gain * scale, training=True, eps=1e-6
        )
        return rows.reshape(weight.shape)


def _weight_and_bias(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    assert conv.bias is not None
    return conv.weight, conv.bias


def _norm(norm: nn.BatchNorm2d | nn.GroupNorm) -> Norm | GroupNorm:
    if isinstance(norm, nn.GroupNorm):
        return GroupNorm(num_groups=norm.num_groups, gamma=norm.weight, beta=norm.bias)
    assert norm.running_mean is not None and norm.running_var is not None
    assert norm.momentum is not None
    return Norm(
        gamma=norm.weight,
        beta=norm.bias,
        running_mean=norm.running_mean,
        running_var=norm.running_var,
        momentum=norm.momentum,
        eps=norm.eps,
        uses_batch=norm.training,
        updates_running=norm.training and norm.track_running_stats,
    )


class ConvStackNet(nn.Module):
    """Stages of equal length, each ending in 2x2 average pooling; linear heads.

    With `multihead`, a linear layer reads the flattened output of every stage;
    otherwise only that of the last. `conv_blocks` is the kernel that computes the
    stages; set another to use it.
    """

    def __init__(
        self,
        depth: int,
        kind: BlockKind,
        *,
        channels: Sequence[int],
        multihead: bool,
        image_shape: tuple[int, int, int],
        num_classes: int,
    ) -> None:
        super().__init__()
        self.conv_blocks: ConvBlocks = reference.conv_blocks
        in_channels, height, width = image_shape
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        for out_channels in channels:
            stage = nn.ModuleList()
            for _ in range(depth // len(channels)):
                stage.append(ConvBlock(in_channels, out_channels, kind))
                in_channels = out_channels
            height, width = height // 2, width // 2
            self.stages.append(stage)
            is_last = len(self.stages) == len(channels)
            if multihead or is_last:
                self.heads.append(nn.Linear(out_channels * height * width, num_classes))

    def blocks(self) -> Iterator[ConvBlock]:
        """From the image on."""
        for stage in self.stages:
            yield from (cast(ConvBlock, module) for module in stage.children())

    @torch.no_grad()
    def close_gates(self) -> None:
        """Let each gate begin with a share of 0.12 of its block."""
        for block in self.blocks():
            if block.gate is not None and block.gate.bias is not None:
                block.gate.bias.fill_(_GATE_BIAS)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [N, C, H, W] to logits [N, num_classes], shallowest head first."""
        return tuple(
            head(signal.flatten(1))
            for head, signal in zip(self.heads, self.signals(images), strict=True)
        )

    def signals(self, images: Tensor) -> list[Tensor]:
        """What each head reads, not yet flattened."""
        signal = images
        outputs = []
        for stage in self.stages:
            blocks = [cast(ConvBlock, module).block() for module in stage.children()]
            signal = self.conv_blocks(signal, blocks, True)
            outputs.append(signal)
        return outputs[-len(self.heads) :]
