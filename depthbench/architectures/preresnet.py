"""Pre-activation networks with and without shortcuts, for images as small as CIFAR's.

k is the number of weight layers on the longest path: k = 6n + 2, or 9n + 2 with
bottlenecks, for n blocks a stage. The 1x1 convolutions of shortcuts lie beside that
path and are not counted. n = 5 gives the 32 and 47 layers usually compared.
"""

from functools import partial
from typing import TYPE_CHECKING

from depthbench.architectures.definition import Architecture
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

_SOURCE = "He et al. 2016, Identity mappings in deep residual networks"


def _build(
    block: str,
    depth: int,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    generator: "Generator",
) -> "nn.Module":
    """PyTorch's default weights, drawn from `generator`."""
    from depthbench.architectures.layers.preresnet import preresnet
    from depthbench.architectures.layers.weights import draw_defaults

    per_block = 3 if block == "bottleneck" else 2
    net = preresnet(
        (depth - 2) // (3 * per_block),
        block,
        image_channels=image_shape[0],
        num_classes=num_classes,
    )
    draw_defaults(net, generator)
    return net


def _preresnet(name: str, block: str, step: int, summary: str) -> Architecture:
    return Architecture(
        name=name,
        build=partial(_build, block),
        lr=0.01,
        grid=DepthGrid(start=step + 2, step=step),
        summary=summary,
        source=_SOURCE,
        num_weight_layers=int,
        allows_channels_last=True,
    )


PRERESNETS = (
    _preresnet("preresnet_plain", "plain", 6, "2 x (BN, ReLU, conv)"),
    _preresnet("preresnet", "residual", 6, "2 x (BN, ReLU, conv), + x"),
    _preresnet(
        "preresnet_bottleneck", "bottleneck", 9, "3 x (BN, ReLU, conv 1-3-1), + x"
    ),
)
