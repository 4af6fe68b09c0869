"""Three stages of 3x3 convolutions, average pooling between them, linear heads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from depthbench.kernels import reference
from depthbench.kernels.block import Block, ConvBlocks, Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKind:
    """What follows a convolution; `activation` as in `kernels.block.Block`."""

    activation: str
    batch_norm: bool
    skip: bool


class ConvBlock(nn.Module):
    """The weights of one block; see `Block` for what is computed with them."""

    def __init__(self, in_channels: int, out_channels: int, kind: BlockKind) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(out_channels) if kind.batch_norm else None
        self.activation = kind.activation
        self.adds_input = kind.skip and in_channels == out_channels

    def block(self) -> Block:
        """What to compute in the present mode of this module."""
        assert self.conv.bias is not None
        return Block(
            weight=self.conv.weight,
            bias=self.conv.bias,
            norm=_norm(self.norm) if self.norm is not None else None,
            activation=self.activation,
            adds_input=self.adds_input,
        )


def _norm(norm: nn.BatchNorm2d) -> Norm:
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
