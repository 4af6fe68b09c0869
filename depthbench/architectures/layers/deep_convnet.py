"""A chain of 3x3 convolutions with pools between them, and one linear layer.

Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
recognition", 2015, section 2.1, with a single linear layer.
"""

import math
from collections.abc import Collection, Sequence

from torch import nn


def deep_convnet(
    widths: Sequence[int],
    pools: Collection[int],
    *,
    batch_norm: bool,
    image_shape: tuple[int, int, int],
    num_classes: int,
) -> nn.Sequential:
    """{conv 3x3, [BN], ReLU, [2x2 max pool]} for each width, then linear.

    A pool takes what is left of a window at the border for a whole one: 28 pixels a
    side come to 14, 7, 4, 2 and 1, and one pixel stays one, so that no image is used
    up. Sides that are a power of two, such as CIFAR's 32, have no such border.

    Args:
        widths: Channels of each convolution, in order.
        pools: Convolutions that a pool follows, counted from 1.
        batch_norm: Whether there are norms.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.
    """
    in_channels, height, width = image_shape
    layers: list[nn.Module] = []
    for number, out_channels in enumerate(widths, start=1):
        layers.append(nn.Conv2d(in_channels, out_channels, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(out_channels))
        layers.append(nn.ReLU())
        if number in pools:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            height, width = math.ceil(height / 2), math.ceil(width / 2)
        in_channels = out_channels
    head = nn.Linear(in_channels * height * width, num_classes)
    return nn.Sequential(*layers, nn.Flatten(), head)
