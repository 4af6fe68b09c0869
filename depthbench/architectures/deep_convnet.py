"""Deep chains of convolution, ReLU and max pool, without any way around them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from depthbench.architectures.definition import Architecture, Description
from depthbench.architectures.initializers import promises_initial_loss
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepConvNet(Description):
    """{conv 3x3, [BN], ReLU, [2x2 max pool]} for each width, then a linear layer.

    k is the number of weight layers. `widths` and `pools` list the shortest network,
    of k = len(widths) + 1; in one m times as deep each convolution stands m times, and
    its pool, if it has one, after the last of them.

    Attributes:
        name: What `--arch` calls it.
        widths: Channels of each convolution, in order.
        pools: Convolutions that a pool follows, counted from 1.
        batch_norm: BatchNorm between convolution and ReLU.
        initializer: Rule of all weights; under `kaiming` the linear layer, which no
            ReLU follows, has sqrt(1/fan_in).
        lr: Learning rate unless a study gives one.
        source: Where it comes from.
    """

    widths: tuple[int, ...]
    pools: tuple[int, ...]
    batch_norm: bool = False
    initializer: str = "kaiming"
    lr: float = 2e-3

    def __post_init__(self) -> None:
        # A dataclass with slots is made anew, so that super() would not know it.
        Description.__post_init__(self)
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"{self.name}: widths = {self.widths}: 1 or more each")
        num = len(self.widths)
        if not set(self.pools) <= set(range(1, num + 1)):
            raise ValueError(
                f"{self.name}: pools = {self.pools}: convolutions that a pool follows, "
                f"counted from 1, so from 1 to {num}"
            )
        if len(set(self.pools)) < len(self.pools):
            raise ValueError(f"{self.name}: pools = {self.pools}: each at most once")

    @property
    def summary(self) -> str:
        """The block in a few words: "conv, BN, ReLU; 8-8-8; init kaiming"."""
        block = "conv, BN, ReLU" if self.batch_norm else "conv, ReLU"
        widths = "-".join(map(str, self.widths))
        return f"{block}; {widths}; init {self.initializer}"

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network of `depth` weight layers, its weights drawn from `generator`."""
        from depthbench.architectures.layers.deep_convnet import deep_convnet
        from depthbench.architectures.layers.initializers import draw_weights

        repeats = (depth - 1) // len(self.widths)
        net = deep_convnet(
            [width for width in self.widths for _ in range(repeats)],
            [pool * repeats for pool in self.pools],
            batch_norm=self.batch_norm,
            image_shape=image_shape,
            num_classes=num_classes,
        )
        heads = [net[-1]] if self.initializer == "kaiming" else []
        draw_weights(net, self.initializer, generator, heads=heads, of_heads="fan_in")
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        num = len(self.widths)
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=num + 1, step=num),
            summary=self.summary,
            source=self.source,
            has_train_mode=self.batch_norm,
            num_weight_layers=int,
            allows_channels_last=True,
            promises_initial_loss=promises_initial_loss(self.initializer),
            description=self,
        )


_VGG = "Simonyan and Zisserman 2015"
_WIDE, _FIVE = (8, 32, 128), (16, 32, 32, 64, 64)
# Those of a notebook on CIFAR-10: initial weights, overfitting, BatchNorm.
_NOTEBOOKS = (
    DeepConvNet(name="deep_convnet", widths=_WIDE, pools=(1, 2)),
    *(
        DeepConvNet(
            name=f"deep_convnet_{scale}",
            widths=_WIDE,
            pools=(1, 2),
            initializer=f"normal_{scale}",
        )
        for scale in ("1e-1", "1e-2", "1e-3")
    ),
    DeepConvNet(name="deep_convnet_3", widths=(8, 8, 8), pools=(1, 2, 3), lr=1e-2),
    DeepConvNet(
        name="deep_convnet_4", widths=(8, 16, 32, 64), pools=(1, 2, 3, 4), lr=1e-3
    ),
    DeepConvNet(name="deep_convnet_5", widths=_FIVE, pools=(1, 2, 3, 4, 5), lr=1e-3),
    DeepConvNet(
        name="deep_convnet_5_bn",
        widths=_FIVE,
        pools=(1, 2, 3, 4, 5),
        batch_norm=True,
        lr=1e-3,
    ),
    DeepConvNet(
        name="deep_convnet_6_bn",
        widths=(8, 8, 16, 16, 32, 32),
        pools=(2, 4, 6),
        batch_norm=True,
        lr=1e-2,
    ),
)

DEEP_CONVNETS = (
    *(replace(net, source=f"{_VGG}; a teaching notebook") for net in _NOTEBOOKS),
    DeepConvNet(
        name="deep_convnet_wide_bn",
        widths=(32, 64, 128),
        pools=(1, 2, 3),
        batch_norm=True,
        lr=1e-3,
        source=_VGG,
    ),
)
