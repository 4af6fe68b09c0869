"""Where a window lies when it slides over an image."""

from collections.abc import Iterator

from torch import Tensor


def num_windows(size: int, window: int, stride: int = 1) -> int:
    """How often a window fits along one axis: floor((size - window) / stride) + 1.

    What is left over at the end, less than a stride, no window sees.

    Args:
        size: Of the image, padding included, in pixels.
        window: In pixels, above 0.
        stride: In pixels, above 0.

    Raises:
        ValueError: If not even one window fits, or a length is not above 0.
    """
    if not 0 < window <= size or stride < 1:
        raise ValueError(
            f"a window of {window} pixels at a stride of {stride} over {size} pixels: "
            "both must be at least 1, and the window no longer than the image"
        )
    return (size - window) // stride + 1


Place = tuple[int, int, slice, slice]


def places(images: Tensor, height: int, width: int, stride: int) -> Iterator[Place]:
    """Row and column of each window among the windows, and its rows and columns.

    Args:
        images: [..., H, W], padding included.
        height: Of the window, in pixels.
        width: Of the window, in pixels.
        stride: In pixels, of rows and columns alike.
    """
    for i in range(num_windows(images.shape[-2], height, stride)):
        for j in range(num_windows(images.shape[-1], width, stride)):
            top, left = stride * i, stride * j
            yield i, j, slice(top, top + height), slice(left, left + width)
