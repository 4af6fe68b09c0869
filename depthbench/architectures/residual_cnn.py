"""A residual network between convolutions that shrink the image.

k is the number N of residual blocks; there are 2N + 5 weight layers. What its
description gives no activation has none: not the three convolutions outside of the
blocks either, the first two of which are then one linear map. It reads images
normalised by mean 0.5 and deviation 0.5 where it comes from.
"""

from functools import partial
from typing import TYPE_CHECKING

from depthbench.architectures.definition import Architecture
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

_SOURCE = "a teaching notebook on CIFAR-10 (N = 10); blocks: He et al. 2016"


def _build(
    batch_norm: bool,
    depth: int,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    generator: "Generator",
) -> "nn.Module":
    """PyTorch's default weights, drawn from `generator`."""
    from depthbench.architectures.layers.residual_cnn import residual_cnn
    from depthbench.architectures.layers.weights import draw_defaults

    net = residual_cnn(
        depth, batch_norm=batch_norm, image_shape=image_shape, num_classes=num_classes
    )
    draw_defaults(net, generator)
    return net


def _num_weight_layers(depth: int) -> int:
    return 2 * depth + 5


def _residual_cnn(name: str, summary: str, *, batch_norm: bool) -> Architecture:
    return Architecture(
        name=name,
        build=partial(_build, batch_norm),
        lr=0.01,
        grid=DepthGrid(start=1, step=1),
        summary=summary,
        source=_SOURCE,
        has_train_mode=batch_norm,
        num_weight_layers=_num_weight_layers,
        allows_channels_last=True,
    )


RESIDUAL_CNNS = (
    _residual_cnn("residual_cnn", "conv, ReLU, conv, + x, ReLU", batch_norm=False),
    _residual_cnn(
        "residual_cnn_bn", "conv, BN, ReLU, conv, BN, + x, ReLU", batch_norm=True
    ),
)
