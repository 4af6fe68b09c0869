"""Pre-activation networks with and without shortcuts, for images as small as CIFAR's.

k is the number of weight layers on the longest path: k = 6n + 2, or 9n + 2 with
bottlenecks, for n blocks a stage. The 1x1 convolutions of shortcuts lie beside that
path and are not counted. n = 5 gives the 32 and 47 layers usually compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from depthbench.architectures.definition import Architecture, Description
from depthbench.architectures.initializers import promises_initial_loss
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

_BLOCKS = {
    "plain": "2 x (BN, ReLU, conv)",
    "residual": "2 x (BN, ReLU, conv), + x",
    "bottleneck": "3 x (BN, ReLU, conv 1-3-1), + x",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreResNet(Description):
    """Stem, three stages of `block`, mean over pixels, linear layer.

    `initializer` is the rule of all weights.
    """

    block: Literal["plain", "residual", "bottleneck"]
    initializer: str = "default"
    lr: float = 0.01
    source: str = "He et al. 2016, Identity mappings in deep residual networks"

    @property
    def _layers_per_stage(self) -> int:
        """Weight layers that one more block in each of the three stages adds."""
        return 9 if self.block == "bottleneck" else 6

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network of k = `depth`, its weights drawn from `generator`."""
        from depthbench.architectures.layers.initializers import draw_weights
        from depthbench.architectures.layers.preresnet import preresnet

        net = preresnet(
            (depth - 2) // self._layers_per_stage,
            self.block,
            image_channels=image_shape[0],
            num_classes=num_classes,
        )
        draw_weights(net, self.initializer, generator)
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        step = self._layers_per_stage
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=step + 2, step=step),
            summary=f"{_BLOCKS[self.block]}; init {self.initializer}",
            source=self.source,
            num_weight_layers=int,
            allows_channels_last=True,
            promises_initial_loss=promises_initial_loss(self.initializer),
            description=self,
        )


PRERESNETS = (
    PreResNet(name="preresnet_plain", block="plain"),
    PreResNet(name="preresnet", block="residual"),
    PreResNet(name="preresnet_bottleneck", block="bottleneck"),
)
