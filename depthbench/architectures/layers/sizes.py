"""What is left of an image after layers that do not pad it."""


def after_window(length: int, window: int, stride: int = 1) -> int:
    """Places of a window along `length` pixels; 0 if it is longer than they are."""
    return max(0, (length - window) // stride + 1)


def check_size(image_shape: tuple[int, int, int], at_least: int) -> None:
    """See that an image is not used up.

    Args:
        image_shape: Channels, height and width.
        at_least: Pixels of the shorter side that leave one pixel.

    Raises:
        ValueError: If it is smaller.
    """
    _, height, width = image_shape
    if min(height, width) < at_least:
        raise ValueError(
            f"images of {height}x{width} pixels: this network uses them up; "
            f"at least {at_least}x{at_least} are needed"
        )
