"""The stacks of the reference experiment and of the ladder, written a second time.

Slow float64 code straight from the experiment's description: convolution as a sum over
the nine shifts, BatchNorm from its formula, pooling as a mean of slices. It shares no
line with the package; tests hold the package against it.
"""

import numpy as np
import torch
from torch import Tensor

# name: activation, and what else there is
BLOCKS = {
    "tanh_naive": ("tanh",),
    "tanh_glorot": ("tanh",),
    "elu": ("elu",),
    "elu_bn": ("elu", "batch norm"),
    "resnet": ("elu", "batch norm", "skip"),
    "tanh_bn_naive": ("tanh", "batch norm"),
    "resnet_nobn": ("elu", "skip"),
    "elu_multihead": ("elu", "heads"),
    "relu_he": ("relu",),
    "selu_lecun": ("selu",),
    "gelu_bn": ("gelu", "batch norm"),
    "elu_gn": ("elu", "group norm 4"),
    "elu_ln": ("elu", "group norm 1"),
    "elu_ws": ("elu", "standardised"),
    "tanh_orthogonal": ("tanh",),
    "tanh_delta_orthogonal": ("tanh", "circular"),
    "tanh_bn_gamma01": ("tanh", "batch norm"),
    "elu_lsuv": ("elu",),
    "lrelu_tat": ("leaky relu",),
    "highway": ("elu", "gate"),
    "resnet_sqrt": ("elu", "skip", "1/sqrt(L)"),
    "resnet_skipinit": ("elu", "skip", "learned factor"),
    "tanh_tiny": ("tanh",),
}


def logits(
    name: str, depth: int, weights: list[Tensor], images: Tensor
) -> list[Tensor]:
    """Logits of every head in train mode, from the network's parameters in order.

    The order is: for each block a gain or factor, its kernel, bias, the norm's scale
    and shift, and the gate's kernel and bias, where there are any; then for each head
    its matrix and bias.
    """
    left = list(weights)
    signal = images
    flattened = []
    for _ in range(3):
        for _ in range(depth // 3):
            signal = block(name, depth, signal, left)
        signal = pooled(signal)
        flattened.append(signal.reshape(len(signal), -1))
    read = flattened if "heads" in BLOCKS[name] else flattened[-1:]
    heads = [flat @ left.pop(0).T + left.pop(0) for flat in read]
    assert not left
    return heads


def block(name: str, depth: int, signal: Tensor, left: list[Tensor]) -> Tensor:
    """One block; takes its weights from `left`."""
    activation, *parts = BLOCKS[name]
    edges = "circular" in parts
    gain = left.pop(0) if "standardised" in parts else None
    kernel = left[1] if left[0].dim() == 0 else left[0]
    has_way_around = kernel.shape[0] == kernel.shape[1]
    factor = 1 / (depth - 3) ** 0.5 if "1/sqrt(L)" in parts and depth > 3 else 1
    if "learned factor" in parts and has_way_around:
        factor = left.pop(0)
    kernel, bias = left.pop(0), left.pop(0)
    if gain is not None:
        kernel = standardised(kernel, gain)
    out = convolution(signal, kernel, bias, edges)
    for part in parts:
        if part == "batch norm":
            out = batch_norm(out, left.pop(0), left.pop(0))
        if part.startswith("group norm"):
            out = group_norm(out, int(part[-1]), left.pop(0), left.pop(0))
    out = activated(activation, depth, out)
    if "gate" in parts and has_way_around:
        share = 1 / (1 + (-convolution(signal, left.pop(0), left.pop(0), edges)).exp())
        return share * out + (1 - share) * signal
    return factor * out + signal if "skip" in parts and has_way_around else out


def activated(activation: str, depth: int, x: Tensor) -> Tensor:
    """By its formula."""
    if activation == "tanh":
        return torch.tanh(x)
    if activation == "elu":
        return elu(x)
    if activation == "selu":
        scale, alpha = 1.0507009873554805, 1.6732632423543772
        return scale * torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))
    if activation == "gelu":
        return x * (1 + torch.erf(x / 2**0.5)) / 2
    below = leaky_slope(depth) if activation == "leaky relu" else 0.0
    scale = (2 / (1 + below**2)) ** 0.5 if activation == "leaky relu" else 1.0
    return scale * torch.where(x > 0, x, below * x)


def leaky_slope(depth: int) -> float:
    """That takes two orthogonal signals to a correlation of 0.9 in `depth` layers.

    E f(x) f(y) of correlated normal variables is summed over their angle: of a function
    that scales with its argument, the length takes no part.
    """
    turn = (np.arange(20000) + 0.5) * 2 * np.pi / 20000

    def last(below: float) -> float:
        correlation = 0.0
        for _ in range(depth):
            angle = np.arccos(min(correlation, 1.0))
            one, other = np.cos(turn), np.cos(turn - angle)
            f = [np.where(z > 0, z, below * z) for z in (one, other)]
            correlation = float((f[0] * f[1]).mean() / (f[0] ** 2).mean())
        return correlation

    if last(0.0) <= 0.9:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if last(middle) > 0.9 else (low, middle)
    return low


def standardised(kernel: Tensor, gain: Tensor) -> Tensor:
    """Mean 0 and variance 1 / fan_in for each output, times gain and that of ELU.

    The latter is 1 / deviation of ELU(z) for standard normal z, integrated here.
    """
    z, weights = np.polynomial.legendre.leggauss(2000)
    z, weights = 10 * z, 10 * weights * np.exp(-50 * z**2) / (2 * np.pi) ** 0.5
    f = np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
    of_elu = 1 / (weights @ f**2 - (weights @ f) ** 2) ** 0.5
    rows = kernel.reshape(len(kernel), -1)
    rows = rows - rows.mean(1, keepdim=True)
    variance = (rows**2).mean(1, keepdim=True)
    rows = rows / (variance + 1e-6).sqrt() / rows.shape[1] ** 0.5
    return (rows * gain[:, None] * of_elu).reshape(kernel.shape)


def mean_cross_entropy(heads: list[Tensor], labels: Tensor) -> Tensor:
    """Mean over heads and images of -log softmax at the label."""
    losses = []
    for head in heads:
        shifted = head - head.max(dim=1, keepdim=True).values
        log_total = shifted.exp().sum(dim=1).log()
        right = shifted[torch.arange(len(labels)), labels]
        losses.append((log_total - right).mean())
    return sum(losses) / len(losses)


def convolution(
    signal: Tensor, kernel: Tensor, bias: Tensor, edges_meet: bool = False
) -> Tensor:
    """3x3, zeros around the image or its opposite edges, as nine shifted products."""
    _, _, height, width = signal.shape
    padded = torch.zeros(*signal.shape[:2], height + 2, width + 2, dtype=signal.dtype)
    padded[:, :, 1:-1, 1:-1] = signal
    if edges_meet:
        rows = [(i - 1) % height for i in range(height + 2)]
        columns = [(i - 1) % width for i in range(width + 2)]
        padded = signal[:, :, rows][:, :, :, columns]
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


def group_norm(x: Tensor, num_groups: int, scale: Tensor, shift: Tensor) -> Tensor:
    """Each image's groups of channels apart, biased variance, epsilon 1e-5."""
    groups = x.reshape(len(x), num_groups, -1)
    mean = groups.mean(2, keepdim=True)
    variance = ((groups - mean) ** 2).mean(2, keepdim=True)
    normal = ((groups - mean) / (variance + 1e-5).sqrt()).reshape(x.shape)
    return normal * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)


def elu(signal: Tensor) -> Tensor:
    """x above 0, exp(x) - 1 below."""
    return torch.where(signal > 0, signal, torch.expm1(signal.clamp(max=0)))


def pooled(signal: Tensor) -> Tensor:
    """2x2 average pooling, an odd last row or column dropped."""
    height, width = signal.shape[2] // 2 * 2, signal.shape[3] // 2 * 2
    rows = signal[:, :, 0:height:2] + signal[:, :, 1:height:2]
    return (rows[:, :, :, 0:width:2] + rows[:, :, :, 1:width:2]) / 4
