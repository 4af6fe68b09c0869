"""Three stages of 3x3 convolutions, average pooling between them, linear heads."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from depthbench.layers.initializers import Deviation

# aten's ELU is vectorised: with torch 2.15 on one AVX-512 core it takes 0.55 ms forward
# and 0.86 with backward for 401,408 values; one composed of exp and clamp 0.57 and 4.5.
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "elu": functional.elu,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "selu": functional.selu,
    "identity": lambda signal: signal,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKind:
    """What follows a convolution; `activation` is a key of `ACTIVATIONS`."""

    activation: str
    batch_norm: bool
    skip: bool


class ConvBlock(nn.Module):
    """activation(norm(conv(x))), plus x where `skip` is set and the shapes agree.

    The convolution is 3x3, stride 1, padding 1, with a bias.
    """

    def __init__(self, in_channels: int, out_channels: int, kind: BlockKind) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(out_channels) if kind.batch_norm else nn.Identity()
        self.activation = ACTIVATIONS[kind.activation]
        self.adds_input = kind.skip and in_channels == out_channels

    def forward(self, signal: Tensor) -> Tensor:
        """[N, in_channels, H, W] to [N, out_channels, H, W]."""
        block = self.activation(self.norm(self.conv(signal)))
        return block + signal if self.adds_input else block


class ConvStackNet(nn.Module):
    """Stages of equal length, each ending in 2x2 average pooling; linear heads.

    With `multihead`, a linear layer reads the flattened output of every stage;
    otherwise only that of the last.
    """

    def __init__(
        self,
        depth: int,
        kind: BlockKind,
        *,
        channels: Sequence[int],
        multihead: bool,
        image_shape: tuple[int, int, int],
        num_classes: int,
    ) -> None:
        super().__init__()
        in_channels, height, width = image_shape
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        for out_channels in channels:
            stage = nn.Sequential()
            for _ in range(depth // len(channels)):
                stage.append(ConvBlock(in_channels, out_channels, kind))
                in_channels = out_channels
            height, width = height // 2, width // 2
            self.stages.append(stage)
            is_last = len(self.stages) == len(channels)
            if multihead or is_last:
                self.heads.append(nn.Linear(out_channels * height * width, num_classes))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images [N, C, H, W] to logits [N, num_classes], shallowest head first."""
        signal = images
        outputs = []
        for stage in self.stages:
            signal = functional.avg_pool2d(stage(signal), 2)
            outputs.append(signal)
        read = outputs[-len(self.heads) :]
        return tuple(
            head(output.flatten(1))
            for head, output in zip(self.heads, read, strict=True)
        )


@torch.no_grad()
def initialize(net: ConvStackNet, deviation: Deviation, generator: Generator) -> None:
    """Draw every weight from `generator`, a CPU one, in the order of `net.modules()`.

    Convolutions: normal with the given standard deviation, biases 0. Linear layers:
    PyTorch's default, uniform within 1/sqrt(fan_in) for weights and biases.
    """

    def uniform(like: Tensor, bound: float) -> Tensor:
        drawn = torch.empty(like.shape, device="cpu")
        return drawn.uniform_(-bound, bound, generator=generator)

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            area = math.prod(module.kernel_size)
            sigma = deviation(area * module.in_channels, area * module.out_channels)
            drawn = torch.empty(module.weight.shape, device="cpu")
            module.weight.copy_(drawn.normal_(0.0, sigma, generator=generator))
            assert module.bias is not None
            module.bias.zero_()
        elif isinstance(module, nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            module.weight.copy_(uniform(module.weight, bound))
            module.bias.copy_(uniform(module.bias, bound))
