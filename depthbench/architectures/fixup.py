"""Residual networks without norms, by Fixup. Imports no torch.

k is the number of convolutions on the longest path; there are k + 1 weight layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depthbench.architectures.definition import Architecture, Description
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

# A convolution where channels change, then blocks of two, in each stage.
NUM_STAGES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixup(Description):
    """Three stages, each one convolution and m blocks of two: k = 3 + 6 m, m from 1.

    He's block, ReLU, no bias in convolutions, scalar biases and multiplier; L = 3 m is
    the number of blocks. `initializer` is the rule of the convolutions that Fixup
    leaves alone; a block's first has He's deviation times L^(-1/2), its second and the
    classifier start at 0.

    Source: Zhang, Dauphin and Ma, "Fixup initialization: residual learning without
    normalization", 2019, section 3. Ours: 4, 8 and 16 channels with a convolution where
    they change, average pools between stages and before the classifier as in the
    reference experiment, and one learning rate for all parameters.
    """

    initializer: str = "kaiming"
    lr: float = 0.05
    channels: tuple[int, int, int] = (4, 8, 16)

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network of `depth` convolutions, its weights drawn from `generator`."""
        from depthbench.architectures.layers.fixup import FixupNet
        from depthbench.architectures.layers.initializers import draw_weights

        net = FixupNet(
            (depth - NUM_STAGES) // (2 * NUM_STAGES),
            channels=self.channels,
            image_shape=image_shape,
            num_classes=num_classes,
        )
        draw_weights(net, self.initializer, generator)
        net.scale_branches()
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=9, step=6),
            summary=f"conv, ReLU, conv, + x, ReLU; init {self.initializer}, Fixup",
            source=self.source,
            has_train_mode=False,
            num_weight_layers=_convolutions_and_head,
            allows_channels_last=True,
            description=self,
        )


def _convolutions_and_head(depth: int) -> int:
    return depth + 1


FIXUPS = (
    Fixup(
        name="resnet_fixup",
        source='Zhang, Dauphin and Ma, "Fixup initialization", 2019',
    ),
)
