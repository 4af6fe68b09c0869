"""Shallow baselines, each with an axis that begins at the net of a notebook.

k is the number of weight layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from depthbench.architectures.definition import Architecture, Description
from depthbench.architectures.initializers import promises_initial_loss
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline(Description):
    """A network of `layers.baselines`.

    `initializer` is the rule of all weights, those of the last layer, too.

    Attributes:
        kind: Which of them.
        hidden: Units or channels of each layer that depth adds.
        start: Weight layers of the shallowest.
        block: In a few words.
    """

    kind: Literal["fully_connected", "padded_convnet", "pooled_convnet"]
    hidden: int
    start: int
    block: str
    initializer: str = "kaiming"
    lr: float = 0.01
    source: str = "a teaching notebook on CIFAR-10"

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network of k = `depth`, its weights drawn from `generator`."""
        from depthbench.architectures.layers.baselines import NETS
        from depthbench.architectures.layers.initializers import draw_weights

        net = NETS[self.kind](
            depth, self.hidden, image_shape=image_shape, num_classes=num_classes
        )
        draw_weights(net, self.initializer, generator)
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=self.start, step=1),
            summary=f"{self.block}; init {self.initializer}",
            source=self.source,
            has_train_mode=False,
            num_weight_layers=int,
            promises_initial_loss=promises_initial_loss(self.initializer),
            description=self,
        )


BASELINES = (
    Baseline(
        name="fc_64",
        kind="fully_connected",
        hidden=64,
        start=1,
        block="linear 64, ReLU; of one layer a linear classifier",
        lr=0.05,
        source="control: what a task is worth without depth",
    ),
    Baseline(
        name="two_layer_fc",
        kind="fully_connected",
        hidden=4000,
        start=2,
        block="linear 4000, ReLU",
    ),
    Baseline(
        name="three_layer_convnet",
        kind="padded_convnet",
        hidden=16,
        start=3,
        block="conv, ReLU; conv 5x5 first",
        lr=3e-3,
    ),
    *(
        Baseline(
            name=name,
            kind="pooled_convnet",
            hidden=hidden,
            start=3,
            block=f"linear {hidden}, ReLU; conv 7x7, pool first",
            initializer="normal_0.001",
            lr=2e-3,
        )
        for name, hidden in (("convnet_7x7", 100), ("convnet_7x7_500", 500))
    ),
)
