"""Moments of a signal at each pixel, and of pairs of pixels, through the layers.

Weights are independent, of mean 0 and one variance a layer, and there are many
channels. Then a pre-activation is Gaussian, its covariances follow from those of the
layer below, and so on down to the image: the covariance maps of Xiao et al.,
"Dynamical isometry and a mean field theory of CNNs", 2018, equation 2.6, here with
zeros around the image instead of an image without an end.

Arrays are [..., images, height, width].
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from depthbench.forecasting.activations import Floats, Moments

Padding = Literal["zeros", "circular"]
Offset = tuple[int, int]

WINDOW: tuple[Offset, ...] = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))


def shifted(maps: Floats, offset: Offset, padding: Padding) -> Floats:
    """Maps whose value at a pixel is that of `maps` at the pixel plus the offset."""
    dy, dx = offset
    if padding == "circular":
        return np.roll(maps, (-dy, -dx), axis=(-2, -1))
    height, width = maps.shape[-2:]
    moved = np.zeros_like(maps)
    if abs(dy) < height and abs(dx) < width:
        moved[..., _inside(-dy, height), _inside(-dx, width)] = maps[
            ..., _inside(dy, height), _inside(dx, width)
        ]
    return moved


def _inside(start: int, length: int) -> slice:
    return slice(max(start, 0), length + min(start, 0))


def window_sum(maps: Floats, padding: Padding) -> Floats:
    """Sum over the 3x3 window around each pixel."""
    rows = maps + shifted(maps, (-1, 0), padding) + shifted(maps, (1, 0), padding)
    return rows + shifted(rows, (0, -1), padding) + shifted(rows, (0, 1), padding)


def offsets_within(radius: int) -> tuple[Offset, ...]:
    """One of each pair of opposite offsets, (0, 0) first."""
    reach = range(-radius, radius + 1)
    return tuple(
        (dy, dx) for dy in range(radius + 1) for dx in reach if (dy, dx) >= (0, 0)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """Second moments of a layer's output over its channels.

    Attributes:
        pairs: Mean over channels of the product at a pixel and at the pixel plus an
            offset, [offsets, images, height, width]; 0 where that is outside.
        offsets: As `offsets_within` gives them.
        means: Mean of each group of channels, [groups, images, height, width]: of each
            channel of an image, and over all channels further up.
    """

    pairs: Floats
    offsets: tuple[Offset, ...]
    means: Floats

    @property
    def variance(self) -> Floats:
        """Second moment at each pixel, [images, height, width]."""
        own: Floats = self.pairs[0]
        return own


def image_signal(images: Floats, radius: int, padding: Padding) -> Signal:
    """The moments of images [images, channels, height, width]."""
    channels = images.transpose(1, 0, 2, 3)
    offsets = offsets_within(radius)
    pairs = [(channels * shifted(channels, o, padding)).mean(0) for o in offsets]
    return Signal(np.stack(pairs), offsets, channels)


def pooled(signal: Signal, radius: int, padding: Padding) -> Signal:
    """After 2x2 average pooling; an odd last row or column is left out.

    Needs pairs within 2 `radius` + 1 of each other.
    """
    known = dict(zip(signal.offsets, signal.pairs, strict=True))
    corners = [(0, 0), (0, 1), (1, 0), (1, 1)]

    def product(corner: Offset, dy: int, dx: int) -> Floats:
        opposite = (dy, dx) < (0, 0)
        pair = known[(-dy, -dx)] if opposite else known[(dy, dx)]
        moved = shifted(pair, (dy, dx), padding) if opposite else pair
        return _at_corner(moved, corner)

    offsets = offsets_within(radius)
    pairs = [
        np.mean(
            [
                product(a, 2 * dy + b[0] - a[0], 2 * dx + b[1] - a[1])
                for a in corners
                for b in corners
            ],
            axis=0,
        )
        for dy, dx in offsets
    ]
    means = np.mean([_at_corner(signal.means, corner) for corner in corners], axis=0)
    inside = np.ones_like(means[:1])
    masks = [shifted(inside, offset, padding)[0] for offset in offsets]
    return Signal(np.stack(pairs) * np.stack(masks), offsets, means)


def _at_corner(maps: Floats, corner: Offset) -> Floats:
    height, width = (length // 2 * 2 for length in maps.shape[-2:])
    return maps[..., corner[0] : height : 2, corner[1] : width : 2]


def unpooled(gradient: Floats, shape: tuple[int, ...]) -> Floats:
    """The squared gradient in front of 2x2 average pooling, from the one behind it."""
    wide = np.zeros(shape)
    doubled = gradient.repeat(2, axis=-2).repeat(2, axis=-1)
    wide[..., : doubled.shape[-2], : doubled.shape[-1]] = doubled / 16
    return wide


def convolved(signal: Signal, gain: float, padding: Padding) -> Signal:
    """Pre-activations of a 3x3 convolution without bias.

    Args:
        signal: What it reads.
        gain: Input channels times the variance of a weight.
        padding: Around the image.

    Returns:
        Their products, of mean 0 over channels.
    """
    pairs = gain * window_sum(signal.pairs, padding)
    return Signal(pairs, signal.offsets, np.zeros_like(signal.means[:1]))


def activated(sums: Signal, moments: Moments, padding: Padding) -> Signal:
    """What an activation makes of Gaussian pre-activations of mean 0.

    E phi(u) phi(v) = sum_n a_n(u) a_n(v) c^n with c the correlation of u and v.
    """
    own = moments.second(sums.variance)
    coefficients = moments.coefficients(sums.variance)
    rest = np.sqrt(np.maximum(own - (coefficients**2).sum(0), 0))
    terms = np.concatenate([coefficients, rest[None]])
    pairs = [own]
    for pair, offset in zip(sums.pairs[1:], sums.offsets[1:], strict=True):
        other = shifted(sums.variance, offset, padding)
        scale = np.sqrt(sums.variance * other)
        correlation = np.divide(pair, scale, out=np.zeros_like(pair), where=scale > 0)
        pairs.append(_series(terms * shifted(terms, offset, padding), correlation))
    return Signal(np.stack(pairs), sums.offsets, coefficients[:1])


def _series(terms: Floats, x: Floats) -> Floats:
    """sum_n terms[n] x^n."""
    total: Floats = terms[-1]
    for term in terms[-2::-1]:
        total = total * x + term
    return total


def added(stream: Signal, branch: Signal, padding: Padding) -> Signal:
    """The sum of a signal and of what a block with fresh weights makes of it.

    At each channel the two are independent but for the branch's mean.
    """
    pairs = [
        pair
        + more
        + (stream.means * shifted(branch.means, offset, padding)).mean(0)
        + (branch.means * shifted(stream.means, offset, padding)).mean(0)
        for pair, more, offset in zip(
            stream.pairs, branch.pairs, stream.offsets, strict=True
        )
    ]
    return Signal(np.stack(pairs), stream.offsets, stream.means + branch.means)
