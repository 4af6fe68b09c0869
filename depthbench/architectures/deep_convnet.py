"""Deep chains of convolution, ReLU and max pool, without any way around them.

k is the number of weight layers, L = s m + 1 for s stages of m convolutions each and
one linear layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depthbench.architectures.definition import Architecture
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepConvNet:
    """{conv 3x3, [BN], ReLU, [2x2 max pool]} x (L - 1), linear, in equal stages.

    Attributes:
        name: What `--arch` calls it.
        channels: Of each stage.
        pools: Stages that end with a pool, counted from 1.
        batch_norm: BatchNorm between convolution and ReLU.
        scale: Standard deviation of every weight; None for Kaiming's, sqrt(2/fan_in)
            of a convolution and sqrt(1/fan_in) of the linear layer. Biases are 0.
        lr: Learning rate unless a study gives one.
        source: Where it comes from.
    """

    name: str
    channels: tuple[int, ...]
    pools: tuple[int, ...]
    batch_norm: bool = False
    scale: float | None = None
    lr: float = 2e-3
    source: str = "Simonyan and Zisserman 2015; a teaching notebook on CIFAR-10"

    def __post_init__(self) -> None:
        stages = len(self.channels)
        if not stages or min(self.channels) < 1:
            raise ValueError(f"{self.name}: channels = {self.channels}: 1 or more each")
        if not set(self.pools) <= set(range(1, stages + 1)):
            raise ValueError(
                f"{self.name}: pools = {self.pools}: stages from 1 to {stages}"
            )
        if self.scale is not None and not 0 < self.scale < math.inf:
            raise ValueError(
                f"{self.name}: scale = {self.scale}: a finite number above 0, or None"
            )

    @property
    def summary(self) -> str:
        """The block in a few words: "conv, BN, ReLU; 8-8-8; init Kaiming"."""
        block = "conv, BN, ReLU" if self.batch_norm else "conv, ReLU"
        widths = "-".join(map(str, self.channels))
        init = "Kaiming" if self.scale is None else f"normal_{self.scale}"
        return f"{block}; {widths}; init {init}"

    def widths(self, depth: int) -> list[int]:
        """Channels of each of the L - 1 convolutions."""
        length = (depth - 1) // len(self.channels)
        return [channels for channels in self.channels for _ in range(length)]

    def pool_positions(self, depth: int) -> list[int]:
        """Convolutions that a pool follows, counted from 1."""
        length = (depth - 1) // len(self.channels)
        return [stage * length for stage in self.pools]

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network of L = `depth`, its weights drawn from `generator`."""
        from depthbench.architectures.layers.deep_convnet import (
            deep_convnet,
            draw_weights,
        )

        net = deep_convnet(
            self.widths(depth),
            self.pool_positions(depth),
            batch_norm=self.batch_norm,
            image_shape=image_shape,
            num_classes=num_classes,
        )
        draw_weights(net, self.scale, generator)
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        stages = len(self.channels)
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=stages + 1, step=stages),
            summary=self.summary,
            source=self.source,
            has_train_mode=self.batch_norm,
            num_weight_layers=int,
            allows_channels_last=True,
            promises_initial_loss=self.scale is not None and self.scale <= 0.01,
        )


_WIDE = (8, 32, 128)
_FIVE = (16, 32, 32, 64, 64)

DEEP_CONVNETS = (
    DeepConvNet(name="deep_convnet", channels=_WIDE, pools=(1, 2)),
    DeepConvNet(name="deep_convnet_1e-1", channels=_WIDE, pools=(1, 2), scale=1e-1),
    DeepConvNet(name="deep_convnet_1e-2", channels=_WIDE, pools=(1, 2), scale=1e-2),
    DeepConvNet(name="deep_convnet_1e-3", channels=_WIDE, pools=(1, 2), scale=1e-3),
    DeepConvNet(name="deep_convnet_3", channels=(8, 8, 8), pools=(1, 2, 3), lr=1e-2),
    DeepConvNet(name="deep_convnet_5", channels=_FIVE, pools=(1, 2, 3, 4, 5), lr=1e-3),
    DeepConvNet(
        name="deep_convnet_5_bn",
        channels=_FIVE,
        pools=(1, 2, 3, 4, 5),
        batch_norm=True,
        lr=1e-3,
    ),
    DeepConvNet(
        name="deep_convnet_6_bn",
        channels=(8, 8, 16, 16, 32, 32),
        pools=(1, 2, 3, 4, 5),
        batch_norm=True,
        lr=1e-2,
    ),
    DeepConvNet(
        name="deep_convnet_wide_bn",
        channels=(32, 64, 128),
        pools=(1, 2, 3),
        batch_norm=True,
        lr=1e-3,
        source="Simonyan and Zisserman 2015",
    ),
)
