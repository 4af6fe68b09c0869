"""Residual blocks that start as nothing, with scalar biases in place of norms."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from depthbench.architectures.layers.weights import fan_out


class FixupBlock(nn.Module):
    """ReLU(x + scale conv2(ReLU(conv1(x + a) + b) + c) + d), all four biases scalars.

    Source: Zhang, Dauphin and Ma, "Fixup initialization", 2019, figure 1, right.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in range(4))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, H, W], the same shape."""
        before_first, after_first, before_second, after_second = self.biases
        branch = torch.relu(self.first(x + before_first) + after_first)
        branch = self.second(branch + before_second) * self.scale + after_second
        return torch.relu(x + branch)


class _Widening(nn.Module):
    """ReLU(conv(x) + b): where channels change."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, 3, padding=1, bias=False)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x) + self.bias)


class FixupNet(nn.Module):
    """Stages of one widening convolution and equally many blocks, pooled; linear.

    Args:
        num_blocks: In each stage.
        channels: Of each stage.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.
    """

    def __init__(
        self,
        num_blocks: int,
        *,
        channels: Sequence[int],
        image_shape: tuple[int, int, int],
        num_classes: int,
    ) -> None:
        super().__init__()
        into, height, width = image_shape
        self.stages = nn.ModuleList()
        for out in channels:
            blocks = (FixupBlock(out) for _ in range(num_blocks))
            self.stages.append(nn.Sequential(_Widening(into, out), *blocks))
            into, height, width = out, height // 2, width // 2
        self.bias = nn.Parameter(torch.zeros(()))
        self.head = nn.Linear(into * height * width, num_classes)

    @torch.no_grad()
    def scale_branches(self) -> None:
        """Weights of branches and classifier as Fixup has them; draws nothing.

        A branch's first convolution is multiplied by L^(-1/(2m-2)) with m = 2
        convolutions in it; it has He's deviation for its outputs, sqrt(2 / (9 C_out)),
        which is that for its inputs, as they are as many.
        """
        blocks = [part for part in self.modules() if isinstance(part, FixupBlock)]
        for block in blocks:
            assert fan_out(block.first) == block.first.weight[0].numel()
            block.first.weight.mul_(1 / math.sqrt(len(blocks)))
            block.second.weight.zero_()
        self.head.weight.zero_()
        self.head.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] to logits [N, num_classes]."""
        signal = images
        for stage in self.stages:
            signal = functional.avg_pool2d(stage(signal), 2)
        logits: Tensor = self.head(signal.flatten(1) + self.bias)
        return logits
