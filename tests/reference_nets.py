"""The eight networks of the reference experiment, written a second time.

Slow float64 code straight from the experiment's description: convolution as a sum over
the nine shifts, BatchNorm from its formula, pooling as a mean of slices. It shares no
line with the package; tests hold the package against it.
"""

import torch
from torch import Tensor

# name: (activation, BatchNorm, skip, heads after every stage)
BLOCKS = {
    "tanh_naive": ("tanh", False, False, False),
    "tanh_glorot": ("tanh", False, False, False),
    "elu": ("elu", False, False, False),
    "elu_bn": ("elu", True, False, False),
    "resnet": ("elu", True, True, False),
    "tanh_bn_naive": ("tanh", True, False, False),
    "resnet_nobn": ("elu", False, True, False),
    "elu_multihead": ("elu", False, False, True),
}


def logits(
    name: str, depth: int, weights: list[Tensor], images: Tensor
) -> list[Tensor]:
    """Logits of every head in train mode, from the network's parameters in order.

    The order is: for each convolution its kernel, bias, and with BatchNorm scale and
    shift; then for each head its matrix and bias.
    """
    activation, has_norm, has_skip, is_multihead = BLOCKS[name]
    left = list(weights)
    signal = images
    flattened = []
    for _ in range(3):
        for _ in range(depth // 3):
            block = convolution(signal, left.pop(0), left.pop(0))
            if has_norm:
                block = batch_norm(block, left.pop(0), left.pop(0))
            block = torch.tanh(block) if activation == "tanh" else elu(block)
            if has_skip and block.shape == signal.shape:
                block = block + signal
            signal = block
        signal = pooled(signal)
        flattened.append(signal.reshape(len(signal), -1))
    read = flattened if is_multihead else flattened[-1:]
    heads = [flat @ left.pop(0).T + left.pop(0) for flat in read]
    assert not left
    return heads


def mean_cross_entropy(heads: list[Tensor], labels: Tensor) -> Tensor:
    """Mean over heads and images of -log softmax at the label."""
    losses = []
    for head in heads:
        shifted = head - head.max(dim=1, keepdim=True).values
        log_total = shifted.exp().sum(dim=1).log()
        right = shifted[torch.arange(len(labels)), labels]
        losses.append((log_total - right).mean())
    return sum(losses) / len(losses)


def convolution(signal: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """3x3, zero padding 1, as nine shifted products."""
    _, _, height, width = signal.shape
    padded = torch.zeros(*signal.shape[:2], height + 2, width + 2, dtype=signal.dtype)
    padded[:, :, 1:-1, 1:-1] = signal
    total = bias.reshape(1, -1, 1, 1)
    for row in range(3):
        for column in range(3):
            shifted = padded[:, :, row : row + height, column : column + width]
            product = torch.einsum("oc,nchw->nohw", kernel[:, :, row, column], shifted)
            total = total + product
    return total


def batch_norm(signal: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Batch statistics, biased variance, epsilon 1e-5."""
    mean = signal.mean(dim=(0, 2, 3), keepdim=True)
    variance = ((signal - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    normal = (signal - mean) / (variance + 1e-5).sqrt()
    return normal * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)


def elu(signal: Tensor) -> Tensor:
    """x above 0, exp(x) - 1 below."""
    return torch.where(signal > 0, signal, torch.expm1(signal.clamp(max=0)))


def pooled(signal: Tensor) -> Tensor:
    """2x2 average pooling, an odd last row or column dropped."""
    height, width = signal.shape[2] // 2 * 2, signal.shape[3] // 2 * 2
    rows = signal[:, :, 0:height:2] + signal[:, :, 1:height:2]
    return (rows[:, :, :, 0:width:2] + rows[:, :, :, 1:width:2]) / 4
