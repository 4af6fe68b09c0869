"""Networks of pre-activation blocks, with and without a way around them.

Source: He et al., "Identity mappings in deep residual networks", 2016, figure 4e; the
three stages and the bottleneck are those of He et al., "Deep residual learning for
image recognition", 2016, section 4.2 and figure 5.
"""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from depthbench.architectures.layers.residual import Residual

# A block from channels in, channels out and stride.
MakeBlock = Callable[[int, int, int], nn.Module]


class GlobalAveragePool(nn.Module):
    """The mean of each channel over all pixels: [N, C, H, W] to [N, C]."""

    def forward(self, images: Tensor) -> Tensor:
        """A mean, whose gradient is the same in every run on a GPU too."""
        return images.mean((2, 3))


def plain(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """BN, ReLU, conv 3x3 with the stride, BN, ReLU, conv 3x3."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, 3, stride, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
    )


def residual(in_channels: int, out_channels: int, stride: int) -> Residual:
    """`plain` plus a shortcut."""
    body = plain(in_channels, out_channels, stride)
    return Residual(body, _shortcut(in_channels, out_channels, stride))


def bottleneck(in_channels: int, out_channels: int, stride: int) -> Residual:
    """BN, ReLU, conv 1x1 to a quarter with the stride; 3x3; 1x1; plus a shortcut."""
    inner = out_channels // 4
    body = nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, inner, 1, stride),
        nn.BatchNorm2d(inner),
        nn.ReLU(),
        nn.Conv2d(inner, inner, 3, padding=1),
        nn.BatchNorm2d(inner),
        nn.ReLU(),
        nn.Conv2d(inner, out_channels, 1),
    )
    return Residual(body, _shortcut(in_channels, out_channels, stride))


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
    """A 1x1 convolution where the shape changes."""
    if in_channels == out_channels and stride == 1:
        return None
    return nn.Conv2d(in_channels, out_channels, 1, stride)


BLOCKS: Mapping[str, tuple[MakeBlock, tuple[int, ...]]] = {
    # The block, and the channels of each stage.
    "plain": (plain, (8, 16, 32)),
    "residual": (residual, (8, 16, 32)),
    "bottleneck": (bottleneck, (32, 64, 128)),
}


def preresnet(
    num_blocks: int, block: str, *, image_channels: int, num_classes: int
) -> nn.Sequential:
    """From images [N, C, H, W] of any size to logits [N, num_classes].

    Conv 3x3 to the first stage's channels and ReLU; three stages, from the second on
    halved by the first block's stride; the mean over all pixels; a linear layer. There
    is no norm or activation after the last block.

    Args:
        num_blocks: In each stage, at least 1.
        block: A key of `BLOCKS`.
        image_channels: C.
        num_classes: Of the logits.
    """
    make, stages = BLOCKS[block]
    in_channels = stages[0]
    layers: list[nn.Module] = [
        nn.Conv2d(image_channels, in_channels, 3, padding=1),
        nn.ReLU(),
    ]
    for stage, out_channels in enumerate(stages):
        for place in range(num_blocks):
            stride = 2 if stage > 0 and place == 0 else 1
            layers.append(make(in_channels, out_channels, stride))
            in_channels = out_channels
    head = nn.Linear(in_channels, num_classes)
    return nn.Sequential(*layers, GlobalAveragePool(), head)
