"""Shallow networks of a few layers, as one writes them first."""

import math
from collections.abc import Callable, Mapping

from torch import nn

from depthbench.architectures.layers.sizes import check_size


def fully_connected(
    num_layers: int, hidden: int, *, image_shape: tuple[int, int, int], num_classes: int
) -> nn.Sequential:
    """Linear layers with ReLU between them.

    Args:
        num_layers: Linear layers, at least 1.
        hidden: Units of each but the last.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.
    """
    num_inputs = math.prod(image_shape)
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(num_layers - 1):
        layers += [nn.Linear(num_inputs, hidden), nn.ReLU()]
        num_inputs = hidden
    return nn.Sequential(*layers, nn.Linear(num_inputs, num_classes))


def padded_convnet(
    num_layers: int, hidden: int, *, image_shape: tuple[int, int, int], num_classes: int
) -> nn.Sequential:
    """Conv 5x5 to 32, conv 3x3 to `hidden`, each padded and with a ReLU; linear.

    Args:
        num_layers: Weight layers, at least 3; further ones are convolutions 3x3.
        hidden: Channels of each convolution but the first.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.
    """
    channels, height, width = image_shape
    layers: list[nn.Module] = [nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU()]
    channels = 32
    for _ in range(num_layers - 2):
        layers += [nn.Conv2d(channels, hidden, 3, padding=1), nn.ReLU()]
        channels = hidden
    head = nn.Linear(channels * height * width, num_classes)
    return nn.Sequential(*layers, nn.Flatten(), head)


def pooled_convnet(
    num_layers: int, hidden: int, *, image_shape: tuple[int, int, int], num_classes: int
) -> nn.Sequential:
    """Conv 7x7 to 32, padded, ReLU, 2x2 max pool, linear to `hidden`, ReLU, linear.

    Args:
        num_layers: Weight layers, at least 3; further ones are linear, each with a
            ReLU.
        hidden: Units of each linear layer but the last.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.

    Raises:
        ValueError: If the image is smaller than 2x2.
    """
    check_size(image_shape, 2)
    channels, height, width = image_shape
    layers: list[nn.Module] = [nn.Conv2d(channels, 32, 7, padding=3), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten()]
    num_inputs = 32 * (height // 2) * (width // 2)
    for _ in range(num_layers - 2):
        layers += [nn.Linear(num_inputs, hidden), nn.ReLU()]
        num_inputs = hidden
    return nn.Sequential(*layers, nn.Linear(num_inputs, num_classes))


NETS: Mapping[str, Callable[..., nn.Sequential]] = {
    "fully_connected": fully_connected,
    "padded_convnet": padded_convnet,
    "pooled_convnet": pooled_convnet,
}
