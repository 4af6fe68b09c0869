"""Shallow networks of a few layers, as one writes them first."""

import math
from collections.abc import Callable, Mapping

from torch import nn

from depthbench.architectures.layers.sizes import after_window, check_size

NUM_HIDDEN = 4000


def fully_connected(
    num_layers: int, *, image_shape: tuple[int, int, int], num_classes: int
) -> nn.Sequential:
    """Linear layers of 4,000 units with ReLU between them.

    Args:
        num_layers: Linear layers, at least 2.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.
    """
    num_inputs = math.prod(image_shape)
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(num_layers - 1):
        layers += [nn.Linear(num_inputs, NUM_HIDDEN), nn.ReLU()]
        num_inputs = NUM_HIDDEN
    return nn.Sequential(*layers, nn.Linear(num_inputs, num_classes))


def padded_convnet(
    num_layers: int, *, image_shape: tuple[int, int, int], num_classes: int
) -> nn.Sequential:
    """Conv 5x5 to 32, conv 3x3 to 16, each padded and with a ReLU; linear.

    Args:
        num_layers: Weight layers, at least 3; further ones are conv 3x3, 16 to 16.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.
    """
    channels, height, width = image_shape
    layers: list[nn.Module] = [nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU()]
    channels = 32
    for _ in range(num_layers - 2):
        layers += [nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU()]
        channels = 16
    head = nn.Linear(channels * height * width, num_classes)
    return nn.Sequential(*layers, nn.Flatten(), head)


def pooled_convnet(
    num_layers: int, *, image_shape: tuple[int, int, int], num_classes: int
) -> nn.Sequential:
    """Conv 7x7 to 32 without padding, ReLU, 2x2 max pool, linear to 100, ReLU, linear.

    Args:
        num_layers: Weight layers, at least 3; further ones are linear, 100 to 100,
            each with a ReLU.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.

    Raises:
        ValueError: If the image is smaller than 8x8.
    """
    check_size(image_shape, 8)
    channels, height, width = image_shape
    rows, columns = (after_window(side, 7) // 2 for side in (height, width))
    layers: list[nn.Module] = [nn.Conv2d(channels, 32, 7), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten()]
    num_inputs = 32 * rows * columns
    for _ in range(num_layers - 2):
        layers += [nn.Linear(num_inputs, 100), nn.ReLU()]
        num_inputs = 100
    return nn.Sequential(*layers, nn.Linear(num_inputs, num_classes))


NETS: Mapping[str, Callable[..., nn.Sequential]] = {
    "fully_connected": fully_connected,
    "padded_convnet": padded_convnet,
    "pooled_convnet": pooled_convnet,
}
