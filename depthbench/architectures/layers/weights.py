"""Initial weights of convolutions and linear layers, drawn from a CPU generator.

A layer on the meta device, which has no values, draws none.
"""

import math
from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn

WeightLayer = nn.Conv2d | nn.Linear


def weight_layers(net: nn.Module) -> Iterator[WeightLayer]:
    """Convolutions and linear layers in the order of `net.modules()`."""
    for module in net.modules():
        if isinstance(module, WeightLayer):
            yield module


def fan_in(layer: WeightLayer) -> int:
    """Inputs of one output: kernel area x channels, or features."""
    return layer.weight[0].numel()


def fan_out(layer: WeightLayer) -> int:
    """Outputs of one input: kernel area x channels, or features."""
    return layer.weight[:, 0].numel()


@torch.no_grad()
def draw_default(layer: WeightLayer, generator: Generator) -> None:
    """PyTorch's default: uniform within 1/sqrt(fan_in), weights first, then biases.

    Source: `torch.nn.Linear` and `torch.nn.Conv2d`, whose documentation states it.
    """
    bound = 1 / math.sqrt(fan_in(layer))
    for values in (layer.weight, layer.bias):
        if values is not None and not values.is_meta:
            drawn = torch.empty(values.shape, device="cpu")
            values.copy_(drawn.uniform_(-bound, bound, generator=generator))


@torch.no_grad()
def draw_orthogonal(
    layer: WeightLayer, generator: Generator, *, only_centre: bool = False
) -> None:
    """Orthonormal rows, or columns where they are fewer; biases 0.

    Of the matrix outputs x fan_in; or of outputs x inputs at a convolution's centre,
    which is all that is not 0. Uniform over all such matrices (Mezzadri, "How to
    generate random matrices from the classical compact groups", 2007, section 5).
    """
    weight: Tensor = layer.weight
    if not weight.is_meta:
        outputs, inputs = len(weight), weight[0].numel()
        places = weight.flatten(1)
        if only_centre and weight.dim() == 4:
            weight.zero_()
            height, width = weight.shape[2:]
            places = weight[:, :, height // 2, width // 2]
            inputs = weight.shape[1]
        shape = max(outputs, inputs), min(outputs, inputs)
        drawn = torch.empty(shape, dtype=torch.float64, device="cpu")
        q, r = torch.linalg.qr(drawn.normal_(generator=generator))
        q = q * r.diagonal().sign()
        places.copy_(q if outputs >= inputs else q.T)
    if layer.bias is not None:
        layer.bias.zero_()


@torch.no_grad()
def draw_uniform(layer: WeightLayer, deviation: float, generator: Generator) -> None:
    """Weights uniform around 0 with this standard deviation, biases 0."""
    weight: Tensor = layer.weight
    if not weight.is_meta:
        bound = math.sqrt(3) * deviation
        drawn = torch.empty(weight.shape, device="cpu")
        weight.copy_(drawn.uniform_(-bound, bound, generator=generator))
    if layer.bias is not None:
        layer.bias.zero_()


@torch.no_grad()
def draw_normal(layer: WeightLayer, deviation: float, generator: Generator) -> None:
    """Weights normal with mean 0 and this standard deviation, biases 0."""
    weight: Tensor = layer.weight
    if not weight.is_meta:
        drawn = torch.empty(weight.shape, device="cpu")
        weight.copy_(drawn.normal_(0.0, deviation, generator=generator))
    if layer.bias is not None:
        layer.bias.zero_()
