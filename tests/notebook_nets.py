"""The networks of the notebooks, written a second time from the notebooks' text.

Functions of `torch.nn.functional` over a list of parameters, without a line of
depthbench. A `Tape` hands each layer its parameters, holds them against the shapes that
the notebook gives, and notes which layer came when.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


class Tape:
    """Parameters taken one after the other, and the layers they went through."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self._left = list(parameters)
        self.layers: list[tuple[str, tuple[int, ...]]] = []

    def __enter__(self) -> "Tape":
        return self

    def __exit__(self, *raised: object) -> None:
        assert raised[0] is not None or not self._left, "parameters are left over"

    def _next(self, *shape: int) -> Tensor:
        parameter = self._left.pop(0)
        assert parameter.shape == shape
        return parameter

    def _noted(self, kind: str, out: Tensor) -> Tensor:
        self.layers.append((kind, tuple(out.shape)))
        return out

    def conv(
        self, x: Tensor, channels: int, side: int, padding: int = 0, stride: int = 1
    ) -> Tensor:
        weight = self._next(channels, x.shape[1], side, side)
        bias = self._next(channels)
        out = functional.conv2d(x, weight, bias, stride, padding)
        return self._noted("Conv2d", out)

    def norm(self, x: Tensor) -> Tensor:
        """In train mode."""
        scale, shift = self._next(x.shape[1]), self._next(x.shape[1])
        out = functional.batch_norm(x, None, None, scale, shift, training=True)
        return self._noted("BatchNorm2d", out)

    def relu(self, x: Tensor) -> Tensor:
        return self._noted("ReLU", x.clamp(min=0))

    def max_pool(self, x: Tensor) -> Tensor:
        return self._noted("MaxPool2d", functional.max_pool2d(x, 2))

    def mean(self, x: Tensor) -> Tensor:
        return self._noted("GlobalAveragePool", x.flatten(2).mean(2))

    def linear(self, x: Tensor, features: int, has_bias: bool = True) -> Tensor:
        x = x.flatten(1)
        weight = self._next(features, x.shape[1])
        bias = self._next(features) if has_bias else torch.zeros_like(weight[:, 0])
        return self._noted("Linear", x @ weight.T + bias)


Net = Callable[[Tape, Tensor], Tensor]

# Notebook D: ThreeLayerConvNet and DeepConvNet. Pools are D's: the indices of the
# macro layers that they end, from 0.


def three_layer(hidden_dim: int) -> Net:
    def net(tape: Tape, x: Tensor) -> Tensor:
        x = tape.relu(tape.conv(x, 32, 7, padding=3))
        x = tape.relu(tape.linear(tape.max_pool(x), hidden_dim))
        return tape.linear(x, 10)

    return net


def deep(num_filters: list[int], max_pools: list[int], batchnorm: bool = False) -> Net:
    def net(tape: Tape, x: Tensor) -> Tensor:
        for index, filters in enumerate(num_filters):
            x = tape.conv(x, filters, 3, padding=1)
            x = tape.norm(x) if batchnorm else x
            x = tape.relu(x)
            x = tape.max_pool(x) if index in max_pools else x
        return tape.linear(x, 10)

    return net


# Notebooks A and C: two layers, three layers, and pre-activation networks.


def two_layer_fc(tape: Tape, x: Tensor) -> Tensor:
    return tape.linear(tape.relu(tape.linear(x, 4000)), 10)


def three_layer_convnet(tape: Tape, x: Tensor) -> Tensor:
    x = tape.relu(tape.conv(x, 32, 5, padding=2))
    x = tape.relu(tape.conv(x, 16, 3, padding=1))
    return tape.linear(x, 10)


def _plain(tape: Tape, x: Tensor, channels: int, stride: int) -> Tensor:
    x = tape.conv(tape.relu(tape.norm(x)), channels, 3, padding=1, stride=stride)
    return tape.conv(tape.relu(tape.norm(x)), channels, 3, padding=1)


def _bottleneck(tape: Tape, x: Tensor, channels: int, stride: int) -> Tensor:
    inner = channels // 4
    x = tape.conv(tape.relu(tape.norm(x)), inner, 1, stride=stride)
    x = tape.conv(tape.relu(tape.norm(x)), inner, 3, padding=1)
    return tape.conv(tape.relu(tape.norm(x)), channels, 1)


def preresnet(
    stages: list[tuple[int, int, int, bool]],
    body: Callable[[Tape, Tensor, int, int], Tensor] = _plain,
    is_residual: bool = True,
) -> Net:
    """Stages as A lists them: channels in, channels out, blocks, downsampling."""

    def net(tape: Tape, x: Tensor) -> Tensor:
        x = tape.relu(tape.conv(x, stages[0][0], 3, padding=1))
        for channels_in, channels, num_blocks, downsamples in stages:
            assert x.shape[1] == channels_in
            for place in range(num_blocks):
                stride = 2 if downsamples and place == 0 else 1
                out = body(tape, x, channels, stride)
                if is_residual and (x.shape[1] != channels or stride == 2):
                    out = out + tape.conv(x, channels, 1, stride=stride)
                elif is_residual:
                    out = out + x
                x = out
        return tape.linear(tape.mean(x), 10)

    return net


NARROW = [(8, 8, 5, False), (8, 16, 5, True), (16, 32, 5, True)]
WIDE = [(32, 32, 5, False), (32, 64, 5, True), (64, 128, 5, True)]
plain32 = preresnet(NARROW, is_residual=False)
resnet32 = preresnet(NARROW)
resnet47 = preresnet(WIDE, _bottleneck)


# Notebook R: a residual CNN of ten blocks.


def residual_cnn(batch_norm: bool) -> Net:
    def net(tape: Tape, x: Tensor) -> Tensor:
        x = tape.conv(tape.conv(x, 8, 5), 8, 5, stride=2)
        for _ in range(10):
            out = tape.conv(x, 8, 3, padding=1)
            out = tape.relu(tape.norm(out) if batch_norm else out)
            out = tape.conv(out, 8, 3, padding=1)
            x = tape.relu((tape.norm(out) if batch_norm else out) + x)
        x = tape.conv(x, 4, 3, stride=2)
        return tape.linear(tape.relu(tape.linear(x, 100)), 10, has_bias=False)

    return net
