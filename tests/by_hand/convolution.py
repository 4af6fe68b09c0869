"""Two-dimensional convolution, or cross-correlation: the kernel is not flipped.

Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 9.5.
"""

import torch
from torch import Tensor

from by_hand.windows import num_windows, places


def convolution(
    x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1, padding: int = 0
) -> Tensor:
    """The kernel times every patch of the image, plus a bias.

    out[n,o,i,j] = bias[o] + sum weight[o,c,p,q] padded[n,c, stride*i + p, stride*j + q]

    with H_out = floor((H + 2*padding - height) / stride) + 1, and W_out alike.

    Source: Goodfellow et al., equation 9.8, with a bias.

    Args:
        x: [N, C, H, W].
        weight: [O, C, height, width].
        bias: [O].
        stride: In pixels, of rows and columns alike.
        padding: Pixels of zeros on each of the four sides.

    Returns:
        [N, O, H_out, W_out].
    """
    padded = zero_padded(x, padding)
    height, width = weight.shape[2:]
    rows = num_windows(padded.shape[2], height, stride)
    columns = num_windows(padded.shape[3], width, stride)
    out = x.new_zeros(x.shape[0], weight.shape[0], rows, columns)
    for i, j, down, across in places(padded, height, width, stride):
        patch = padded[:, :, down, across]
        out[:, :, i, j] = torch.einsum("ocpq,ncpq->no", weight, patch) + bias
    return out


def convolution_backward(
    grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the image, the kernel and the bias.

    The output at (i, j) hands its gradient to every pixel of its patch, times the
    weight that met this pixel, and to every weight, times the pixel that it met:

    dL/dpadded[n,c, stride*i + p, stride*j + q] += sum_o g[n,o,i,j] weight[o,c,p,q]
    dL/dweight[o,c,p,q] = sum g[n,o,i,j] padded[n,c, stride*i + p, stride*j + q]
    dL/dbias[o] = sum g[n,o,i,j]

    Padding is constant, so its gradient is dropped.

    Source: Goodfellow et al., equations 9.13 and 9.11.

    Args:
        grad_out: [N, O, H_out, W_out].
        x: [N, C, H, W].
        weight: [O, C, height, width].
        stride: As in `convolution`.
        padding: As in `convolution`.

    Returns:
        dL/dx [N, C, H, W], dL/dweight [O, C, height, width], dL/dbias [O].
    """
    padded = zero_padded(x, padding)
    grad_padded = torch.zeros_like(padded)
    grad_weight = torch.zeros_like(weight)
    height, width = weight.shape[2:]
    for i, j, down, across in places(padded, height, width, stride):
        patch, g = padded[:, :, down, across], grad_out[:, :, i, j]
        grad_padded[:, :, down, across] += torch.einsum("no,ocpq->ncpq", g, weight)
        grad_weight += torch.einsum("no,ncpq->ocpq", g, patch)
    rows, columns = (slice(padding, padding + length) for length in x.shape[2:])
    return grad_padded[:, :, rows, columns], grad_weight, grad_out.sum((0, 2, 3))


def zero_padded(x: Tensor, padding: int) -> Tensor:
    """[N, C, H, W] to [N, C, H + 2*padding, W + 2*padding], zeros around."""
    num_images, channels, height, width = x.shape
    padded = x.new_zeros(
        num_images, channels, height + 2 * padding, width + 2 * padding
    )
    padded[:, :, padding : padding + height, padding : padding + width] = x
    return padded
