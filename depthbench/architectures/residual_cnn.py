"""A residual network between convolutions that shrink the image.

k is the number N of residual blocks; there are 2N + 5 weight layers. What its
description gives no activation has none: not the three convolutions outside of the
blocks either, the first two of which are then one linear map. It reads images
normalised by mean 0.5 and deviation 0.5 where it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depthbench.architectures.definition import Architecture, Description
from depthbench.architectures.initializers import promises_initial_loss
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualCnn(Description):
    """Two convolutions, N blocks, one convolution, two linear layers.

    `initializer` is the rule of all weights.
    """

    batch_norm: bool
    initializer: str = "default"
    lr: float = 0.01
    source: str = "a teaching notebook on CIFAR-10 (N = 10); blocks: He et al. 2016"

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network of N = `depth`, its weights drawn from `generator`."""
        from depthbench.architectures.layers.initializers import draw_weights
        from depthbench.architectures.layers.residual_cnn import residual_cnn

        net = residual_cnn(
            depth,
            batch_norm=self.batch_norm,
            image_shape=image_shape,
            num_classes=num_classes,
        )
        draw_weights(net, self.initializer, generator)
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        norm = "BN, " if self.batch_norm else ""
        block = f"conv, {norm}ReLU, conv, {norm}+ x, ReLU"
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=1, step=1),
            summary=f"{block}; init {self.initializer}",
            source=self.source,
            has_train_mode=self.batch_norm,
            num_weight_layers=_num_weight_layers,
            allows_channels_last=True,
            promises_initial_loss=promises_initial_loss(self.initializer),
            description=self,
        )


def _num_weight_layers(depth: int) -> int:
    return 2 * depth + 5


RESIDUAL_CNNS = (
    ResidualCnn(name="residual_cnn", batch_norm=False),
    ResidualCnn(name="residual_cnn_bn", batch_norm=True),
)
