"""Maximum and mean of windows, each channel by itself.

Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.3.
"""

import torch
from torch import Tensor

from by_hand.windows import num_windows, places


def max_pool(x: Tensor, size: int, stride: int) -> Tensor:
    """The largest pixel of every window.

    out[n,c,i,j] = max over p,q < size of x[n,c, stride*i + p, stride*j + q]

    Args:
        x: [N, C, H, W].
        size: Of the square window, in pixels.
        stride: In pixels; below `size` the windows overlap.

    Returns:
        [N, C, H_out, W_out], H_out = floor((H - size) / stride) + 1 and W_out alike.
    """
    out = _empty(x, size, stride)
    for i, j, down, across in places(x, size, size, stride):
        out[:, :, i, j] = x[:, :, down, across].amax((2, 3))
    return out


def max_pool_backward(grad_out: Tensor, x: Tensor, size: int, stride: int) -> Tensor:
    """Each gradient goes to the pixel that was the largest of its window.

    dL/dx[n,c,y] = sum over the windows whose largest pixel y is of g[n,c,i,j]

    Where pixels tie for the largest, the maximum has no derivative. The first of them
    in row-major order gets all of the gradient then, as in torch.

    Args:
        grad_out: [N, C, H_out, W_out].
        x: [N, C, H, W].
        size: As in `max_pool`.
        stride: As in `max_pool`.

    Returns:
        dL/dx [N, C, H, W].
    """
    grad_x = torch.zeros_like(x)
    for i, j, down, across in places(x, size, size, stride):
        pixels = x[:, :, down, across].flatten(2)
        is_first = torch.arange(size * size) == pixels.argmax(2, keepdim=True)
        grad = grad_out[:, :, i, j, None] * is_first
        grad_x[:, :, down, across] += grad.unflatten(2, (size, size))
    return grad_x


def average_pool(x: Tensor, size: int, stride: int) -> Tensor:
    """The mean pixel of every window.

    out[n,c,i,j] = 1/size^2 sum over p,q < size of x[n,c, stride*i + p, stride*j + q]

    Source: LeCun et al., "Gradient-based learning applied to document recognition",
    1998, section II.B, without its coefficient and bias.

    Args:
        x: [N, C, H, W].
        size: Of the square window, in pixels.
        stride: In pixels.

    Returns:
        [N, C, H_out, W_out], as `max_pool`.
    """
    out = _empty(x, size, stride)
    for i, j, down, across in places(x, size, size, stride):
        out[:, :, i, j] = x[:, :, down, across].sum((2, 3)) / size**2
    return out


def average_pool_backward(
    grad_out: Tensor, x: Tensor, size: int, stride: int
) -> Tensor:
    """Every pixel of a window gets an equal share of its gradient.

    dL/dx[n,c, stride*i + p, stride*j + q] += g[n,c,i,j] / size^2

    Args:
        grad_out: [N, C, H_out, W_out].
        x: [N, C, H, W].
        size: As in `average_pool`.
        stride: As in `average_pool`.

    Returns:
        dL/dx [N, C, H, W].
    """
    grad_x = torch.zeros_like(x)
    for i, j, down, across in places(x, size, size, stride):
        grad_x[:, :, down, across] += grad_out[:, :, i, j, None, None] / size**2
    return grad_x


def _empty(x: Tensor, size: int, stride: int) -> Tensor:
    rows, columns = (num_windows(length, size, stride) for length in x.shape[2:])
    return x.new_zeros(*x.shape[:2], rows, columns)
