"""The signal and the gradient of a `Stack` in closed form, layer by layer."""

from dataclasses import dataclass
from math import log

import numpy as np

from depthbench.architectures.initializers import weight_deviation
from depthbench.architectures.stack import INGREDIENTS, Stack
from depthbench.forecasting.activations import Floats, Moments
from depthbench.forecasting.batch_norm import (
    batch_normalized,
    norm_excess,
    patch_covariance,
)
from depthbench.forecasting.maps import (
    Padding,
    Signal,
    activated,
    added,
    convolved,
    image_signal,
    pooled,
    unpooled,
    window_sum,
)

_EPSILON = 1e-5  # of PyTorch's BatchNorm


@dataclass(frozen=True, slots=True, eq=False)
class StackTheory:
    """What mean-field theory says of a stack of one depth, one entry a block.

    Attributes:
        second_moment: Of a block's output: mean over images, pixels and channels.
        gradient: Sum over images, pixels and channels of the squared gradient at a
            block's output, relative to that at the last block's.
    """

    second_moment: Floats
    gradient: Floats

    @property
    def nats(self) -> float:
        """D: ln of the squared gradient at the first block over that at the last."""
        return log(self.gradient[0]) if self.gradient[0] > 0 else -np.inf


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """What the way back needs: `slope` is that from a block's output to its sums."""

    slope: Floats
    weight_variance: float
    out_channels: int
    has_skip: bool
    is_pooled: bool


def has_theory(stack: Stack) -> bool:
    """Whether `stack_theory` knows all that a stack consists of."""
    plain = Stack(name="plain", activation="elu")
    has_more = any(getattr(stack, n) != getattr(plain, n) for n in INGREDIENTS)
    return not (
        has_more
        or stack.activation == "leaky_relu"
        or stack.initializer == "delta_orthogonal"
    )


def stack_theory(
    stack: Stack, depth: int, images: Floats, *, padding: Padding = "zeros"
) -> StackTheory:
    """The second moments and squared gradients of a stack, averaged over its weights.

    Exact for many channels and independent gradients, but for the mean and the
    variance of a batch, through which no gradient is followed: each is one number of
    many. The gradient is that of the last head.

    Args:
        stack: Of one of the built-in activations.
        depth: A multiple of its stages.
        images: Normalised, [images, channels, height, width].
        padding: Around the image: "circular" as a control, which loses nothing there.
    """
    layers, signals = _forward(stack, depth, images, padding)
    return StackTheory(
        second_moment=np.array([float(s.variance.mean()) for s in signals]),
        gradient=_backward(layers, padding),
    )


def _forward(
    stack: Stack, depth: int, images: Floats, padding: Padding
) -> tuple[list[_Layer], list[Signal]]:
    moments = Moments.of(stack.activation)
    num_stages = len(stack.channels)
    radii = _radii(num_stages)
    signal = image_signal(images, radii[0], padding)
    in_channels, num_in_stage = images.shape[1], depth // num_stages
    layers: list[_Layer] = []
    signals: list[Signal] = []
    for number in range(depth):
        stage, place = divmod(number, num_in_stage)
        if place == 0 and stage > 0:
            signal = pooled(signal, radii[stage], padding)
        out_channels = stack.channels[stage]
        fans = 9 * in_channels, 9 * out_channels
        deviation = weight_deviation(stack.initializer, *fans)
        has_skip = stack.skip and in_channels == out_channels
        gain = in_channels * deviation**2
        sums, scale = convolved(signal, gain, padding), 1.0
        if stack.batch_norm:
            sums, scale = _normalized(signal, sums, gain, in_channels, padding)
        branch = activated(sums, moments, padding)
        signal = added(signal, branch, padding) if has_skip else branch
        signals.append(signal)
        layers.append(
            _Layer(
                slope=moments.slope(sums.variance) * scale,
                weight_variance=deviation**2,
                out_channels=out_channels,
                has_skip=has_skip,
                is_pooled=place == num_in_stage - 1,
            )
        )
        in_channels = out_channels
    return layers, signals


def _radii(num_stages: int) -> list[int]:
    """How far apart the pixels are whose pairs are followed in each stage.

    Pooling reads pairs up to 2 r + 1 apart to know those up to r apart; a patch of 3x3
    has pairs up to 2 apart. Nothing is read behind the last stage, and its many
    channels need no patch.
    """
    radii = [0, 2]
    while len(radii) < num_stages:
        radii.append(2 * radii[-1] + 1)
    return radii[:num_stages][::-1]


def _normalized(
    read: Signal, sums: Signal, gain: float, in_channels: int, padding: Padding
) -> tuple[Signal, float]:
    """Sums behind a BatchNorm, and by what it multiplies the squared gradient."""
    sums, variance = batch_normalized(read, sums, gain, _EPSILON, padding)
    has_patches = max(max(offset) for offset in read.offsets) >= 2
    covariance = patch_covariance(read, padding) if has_patches else np.eye(9)
    return sums, norm_excess(covariance, in_channels) / variance


def _backward(layers: list[_Layer], padding: Padding) -> Floats:
    shape = layers[-1].slope.shape
    read_by_head = np.ones((*shape[:-2], shape[-2] // 2, shape[-1] // 2))
    gradient = unpooled(read_by_head, shape)
    totals = [layers[-1].out_channels * gradient.sum()]
    for layer, below in zip(layers[:0:-1], layers[-2::-1], strict=True):
        back = window_sum(gradient * layer.slope, padding)
        back = layer.out_channels * layer.weight_variance * back
        gradient = back + gradient if layer.has_skip else back
        if below.is_pooled:
            gradient = unpooled(gradient, below.slope.shape)
        totals.append(below.out_channels * gradient.sum())
    relative: Floats = np.array(totals[::-1]) / totals[0]
    return relative
