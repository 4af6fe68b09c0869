"""Shallow baselines, each with an axis that begins at the net of the notebook.

k is the number of weight layers. Weights are normal with deviation sqrt(2/fan_in) in
every layer, the last one too, and biases are 0.
"""

from functools import partial
from typing import TYPE_CHECKING

from depthbench.architectures.definition import Architecture
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

_SOURCE = "a teaching notebook on CIFAR-10; weights: He et al. 2015"


def _build(
    kind: str,
    depth: int,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    generator: "Generator",
) -> "nn.Module":
    from depthbench.architectures.layers.baselines import NETS
    from depthbench.architectures.layers.weights import draw_he

    net = NETS[kind](depth, image_shape=image_shape, num_classes=num_classes)
    draw_he(net, generator)
    return net


def _baseline(name: str, kind: str, start: int, summary: str) -> Architecture:
    return Architecture(
        name=name,
        build=partial(_build, kind),
        lr=0.01,
        grid=DepthGrid(start=start, step=1),
        summary=summary,
        source=_SOURCE,
        has_train_mode=False,
        num_weight_layers=int,
        promises_initial_loss=False,
    )


BASELINES = (
    _baseline("two_layer_fc", "fully_connected", 2, "linear 4000, ReLU"),
    _baseline("three_layer_convnet", "padded_convnet", 3, "conv, ReLU; conv 5x5 first"),
    _baseline(
        "convnet_7x7", "pooled_convnet", 3, "linear 100, ReLU; conv 7x7, pool first"
    ),
)
