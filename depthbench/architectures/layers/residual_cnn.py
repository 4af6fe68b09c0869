"""Convolutions that shrink the image, residual blocks between them."""

from torch import nn

from depthbench.architectures.layers.residual import Residual
from depthbench.architectures.layers.sizes import after_window, check_size

NUM_CHANNELS = 8
NUM_LAST_CHANNELS = 4
NUM_HIDDEN = 100
# Leaves one pixel: 13 -> 9 -> 3 -> 1.
SMALLEST_SIDE = 13


def block(batch_norm: bool) -> nn.Sequential:
    """ReLU(x + (conv 3x3, [BN], ReLU, conv 3x3, [BN])(x)), 8 channels throughout.

    Source: He et al., "Deep residual learning for image recognition", 2016, figure 2.
    """
    layers: list[nn.Module] = []
    for is_last in (False, True):
        layers.append(nn.Conv2d(NUM_CHANNELS, NUM_CHANNELS, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(NUM_CHANNELS))
        if not is_last:
            layers.append(nn.ReLU())
    return nn.Sequential(Residual(nn.Sequential(*layers)), nn.ReLU())


def residual_cnn(
    num_blocks: int,
    *,
    batch_norm: bool,
    image_shape: tuple[int, int, int],
    num_classes: int,
) -> nn.Sequential:
    """Conv 5x5, conv 5x5 / 2, blocks, conv 3x3 / 2, linear, ReLU, linear without bias.

    The three convolutions outside of the blocks have neither padding nor an
    activation of their own. An image of 32x32 comes to 28, 12 and 5 pixels a side, so
    to 4 x 5 x 5 = 100 features.

    Raises:
        ValueError: If the image is smaller than 13x13.
    """
    check_size(image_shape, SMALLEST_SIDE)
    num_features = NUM_LAST_CHANNELS
    for side in image_shape[1:]:
        halved = after_window(after_window(side, 5), 5, stride=2)
        num_features *= after_window(halved, 3, stride=2)
    return nn.Sequential(
        nn.Conv2d(image_shape[0], NUM_CHANNELS, 5),
        nn.Conv2d(NUM_CHANNELS, NUM_CHANNELS, 5, stride=2),
        *(block(batch_norm) for _ in range(num_blocks)),
        nn.Conv2d(NUM_CHANNELS, NUM_LAST_CHANNELS, 3, stride=2),
        nn.Flatten(),
        nn.Linear(num_features, NUM_HIDDEN),
        nn.ReLU(),
        nn.Linear(NUM_HIDDEN, num_classes, bias=False),
    )
