"""BatchNorm's sums, inside Triton kernels: over a tile, then over all tiles.

No atomics: every tile stores its sums, and the next kernel adds them in a fixed order,
in float64 since they are few.
"""

import triton
import triton.language as tl

from depthbench.kernels.cuda.activations import activate, activation_gradient


@triton.jit
def tile_moments(values, exists, count):
    """Mean and sum of squared deviations of each row of a tile, [CHANNELS, 1].

    In two passes, which a mean far from 0 does not harm.
    """
    mean = tl.sum(tl.where(exists, values, 0.0), axis=1, keep_dims=True) / count
    deviation = tl.where(exists, values - mean, 0.0)
    return mean, tl.sum(deviation * deviation, axis=1, keep_dims=True)


@triton.jit
def combined_moments(
    moments_ptr,  # of the first tile, one channel
    stride,  # between tiles
    num_tiles,
    num_pixels,
    TILE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Mean and sum of squared deviations over all tiles, in float64.

    By the formula of Chan, Golub and LeVeque (1983) for many groups at once.
    """
    total = tl.zeros((BLOCK,), tl.float64)
    for start in range(0, num_tiles, BLOCK):
        tile = start + tl.arange(0, BLOCK)
        count = tl.minimum(num_pixels - tile * TILE, TILE).to(tl.float64)
        mean_ptr = moments_ptr + tile * stride
        total += count * tl.load(mean_ptr, mask=tile < num_tiles, other=0.0)
    mean = tl.sum(total) / num_pixels
    squares = tl.zeros((BLOCK,), tl.float64)
    for start in range(0, num_tiles, BLOCK):
        tile = start + tl.arange(0, BLOCK)
        exists = tile < num_tiles
        count = tl.minimum(num_pixels - tile * TILE, TILE).to(tl.float64)
        mean_ptr = moments_ptr + tile * stride
        shift = tl.load(mean_ptr, mask=exists, other=0.0) - mean
        squares += tl.where(exists, count * shift * shift, 0.0)
        squares += tl.load(mean_ptr + 1, mask=exists, other=0.0)
    return mean, tl.sum(squares)


@triton.jit
def combined_sums(sums_ptr, stride, num_tiles, BLOCK: tl.constexpr):
    """Both sums of a pair over all tiles, in float64."""
    first = tl.zeros((BLOCK,), tl.float64)
    second = tl.zeros((BLOCK,), tl.float64)
    for start in range(0, num_tiles, BLOCK):
        tile = start + tl.arange(0, BLOCK)
        pair_ptr = sums_ptr + tile * stride
        first += tl.load(pair_ptr, mask=tile < num_tiles, other=0.0)
        second += tl.load(pair_ptr + 1, mask=tile < num_tiles, other=0.0)
    return tl.sum(first), tl.sum(second)


@triton.jit
def gradient_at_norm(
    gradient, values, mean, scale, gamma, beta, ACTIVATION: tl.constexpr
):
    """The gradient between norm and activation, and the normalised values.

    `gradient` is that after the activation, `values` those before the norm; `scale` is
    one over the standard deviation.
    """
    normalized = (values - mean) * scale
    activated = activate(normalized * gamma + beta, ACTIVATION)
    return activation_gradient(gradient, activated, ACTIVATION), normalized
