"""A matrix times a vector, plus a bias.

Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, algorithm 6.4.
"""

import torch
from torch import Tensor


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The same matrix for every image.

    out[n,o] = bias[o] + sum_d weight[o,d] x[n,d]

    Args:
        x: [N, ...], of D values an image, which are read in row-major order.
        weight: [O, D].
        bias: [O].

    Returns:
        [N, O].
    """
    return torch.einsum("od,nd->no", weight, x.flatten(1)) + bias


def linear_backward(
    grad_out: Tensor, x: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the vectors, the matrix and the bias.

    dL/dx[n,d] = sum_o g[n,o] weight[o,d]
    dL/dweight[o,d] = sum_n g[n,o] x[n,d]
    dL/dbias[o] = sum_n g[n,o]

    Args:
        grad_out: [N, O].
        x: [N, ...].
        weight: [O, D].

    Returns:
        dL/dx [N, ...], dL/dweight [O, D], dL/dbias [O].
    """
    grad_x = torch.einsum("no,od->nd", grad_out, weight).reshape(x.shape)
    grad_weight = torch.einsum("no,nd->od", grad_out, x.flatten(1))
    return grad_x, grad_weight, grad_out.sum(0)
