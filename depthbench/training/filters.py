"""The filters of the first layer, small enough to be kept with every trial."""

import base64

import torch
from torch import Tensor, nn

from depthbench.record import FirstFilters

# More would make the line of a trial long.
_MOST_FILTERS = 64
_LARGEST_KERNEL = 11
_LEVELS = 127


@torch.no_grad()
def first_filters(net: nn.Module, image_channels: int) -> FirstFilters | None:
    """The convolution weights that see the image, rounded to bytes.

    They are the first parameter with the shape of a convolution's weights for images
    of so many channels. None if there is none, if its kernels are larger than 11 x 11,
    if a weight is not finite, or if all are 0. Of more than 64 filters, the first 64.

    Args:
        net: After training.
        image_channels: Of the data set.
    """
    for weights in net.parameters():
        is_first = weights.dim() == 4 and weights.shape[1] == image_channels
        if is_first and weights.numel():
            return _rounded(weights[:_MOST_FILTERS].detach())
    return None


def _rounded(weights: Tensor) -> FirstFilters | None:
    largest = weights.abs().max().item()
    is_small = max(weights.shape[2:]) <= _LARGEST_KERNEL
    if not (is_small and 0 < largest < float("inf")):
        return None
    levels = (weights.double() * (_LEVELS / largest)).round().to(torch.int8)
    number, channels, height, width = weights.shape
    return FirstFilters(
        shape=(number, channels, height, width),
        largest=float(f"{largest:.5g}"),
        levels=base64.b64encode(levels.cpu().contiguous().numpy().tobytes()).decode(),
    )
