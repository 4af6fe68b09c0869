"""Triton kernels for the forward pass: one launch a block, two with BatchNorm."""

import triton
import triton.language as tl

from depthbench.kernels.cuda.activations import activate
from depthbench.kernels.cuda.statistics import combined_moments, tile_moments
from depthbench.kernels.cuda.tiles import (
    UNALIGNED,
    UNSPECIALIZED,
    convolve,
    tile_pixels,
)


@triton.jit(do_not_specialize=UNSPECIALIZED, do_not_specialize_on_alignment=UNALIGNED)
def convolve_forward(
    signal_ptr,  # [R, N, in_channels, HEIGHT, WIDTH]
    weight_ptr,  # [R, out_channels, in_channels, 3, 3]
    weight_stride,  # between replicas, like every stride here
    bias_ptr,  # [R, out_channels]
    bias_stride,
    result_ptr,  # [R, N, out_channels, HEIGHT, WIDTH]
    activated_ptr,  # like the result; None: do not store it
    moments_ptr,  # [R, tiles, out_channels, 2]; None: do not store them
    num_pixels,  # N * HEIGHT * WIDTH
    in_channels,
    out_channels,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    ACTIVATION: tl.constexpr,  # None: the result is the convolution
    ADDS_INPUT: tl.constexpr,
    CHANNELS: tl.constexpr,
    TILE: tl.constexpr,
):
    """Convolution and bias; then the moments of each tile, or activation and skip."""
    tile = tl.program_id(0)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)[:, None]
    replica = tl.program_id(2).to(tl.int64)
    is_channel = channel < out_channels
    image, place, exists = tile_pixels(tile, num_pixels, HEIGHT * WIDTH, TILE)
    signal_ptr += replica * in_channels * num_pixels
    values = convolve(
        signal_ptr + image * (in_channels * HEIGHT * WIDTH),
        in_channels,
        weight_ptr + replica * weight_stride + channel * (in_channels * 9),
        9,
        is_channel,
        place,
        exists,
        HEIGHT,
        WIDTH,
        False,
        CHANNELS,
        TILE,
    )
    bias_ptr += replica * bias_stride
    values += tl.load(bias_ptr + channel, mask=is_channel, other=0.0)
    mask = is_channel & exists
    replica_offset = replica * out_channels * num_pixels
    offset = (image * out_channels + channel) * (HEIGHT * WIDTH) + place
    if moments_ptr is not None:
        count = tl.minimum(num_pixels - tile * TILE, TILE)
        mean, squares = tile_moments(values, exists, count)
        row = (replica * tl.num_programs(0) + tile) * out_channels
        tl.store(moments_ptr + (row + channel) * 2, mean, mask=is_channel)
        tl.store(moments_ptr + (row + channel) * 2 + 1, squares, mask=is_channel)
    if ACTIVATION is not None:
        values = activate(values, ACTIVATION)
        if activated_ptr is not None:
            tl.store(activated_ptr + replica_offset + offset, values, mask=mask)
        if ADDS_INPUT:
            values += tl.load(signal_ptr + offset, mask=mask)
    tl.store(result_ptr + replica_offset + offset, values, mask=mask)


@triton.jit(do_not_specialize=UNSPECIALIZED, do_not_specialize_on_alignment=UNALIGNED)
def normalize(
    values_ptr,  # the convolution, [R, N, out_channels, HEIGHT, WIDTH]
    signal_ptr,  # the block's input, like the values; None: do not add it
    result_ptr,
    moments_ptr,  # as `convolve_forward` stores them; None: use the running statistics
    statistics_ptr,  # [R, out_channels, 2]: mean and 1 / deviation are stored
    gamma_ptr,  # [R, out_channels], like the three that follow
    gamma_stride,
    beta_ptr,
    beta_stride,
    running_mean_ptr,
    running_mean_stride,
    running_var_ptr,
    running_var_stride,
    momentum,
    eps,
    num_pixels,
    out_channels,
    num_tiles,
    AREA: tl.constexpr,  # HEIGHT * WIDTH
    UPDATES_RUNNING: tl.constexpr,
    ACTIVATION: tl.constexpr,
    TILE: tl.constexpr,  # of `convolve_forward`
    BLOCK: tl.constexpr,  # pixels a program
    COMBINED: tl.constexpr,  # tiles combined at a time
):
    """BatchNorm, activation and skip; every program finishes the statistics anew."""
    channel = tl.program_id(1)
    replica = tl.program_id(2).to(tl.int64)
    row = replica * out_channels + channel
    is_first = tl.program_id(0) == 0
    running_mean_ptr += replica * running_mean_stride + channel
    running_var_ptr += replica * running_var_stride + channel
    if moments_ptr is not None:
        moments_ptr += (replica * num_tiles * out_channels + channel) * 2
        mean, squares = combined_moments(
            moments_ptr, out_channels * 2, num_tiles, num_pixels, TILE, COMBINED
        )
        variance = squares / num_pixels
        if UPDATES_RUNNING:
            keep = 1.0 - momentum
            old_mean = tl.load(running_mean_ptr, mask=is_first)
            old_var = tl.load(running_var_ptr, mask=is_first)
            new_mean = keep * old_mean + momentum * mean
            new_var = keep * old_var + momentum * (squares / (num_pixels - 1))
            tl.store(running_mean_ptr, new_mean.to(tl.float32), mask=is_first)
            tl.store(running_var_ptr, new_var.to(tl.float32), mask=is_first)
    else:
        mean = tl.load(running_mean_ptr).to(tl.float64)
        variance = tl.load(running_var_ptr).to(tl.float64)
    scale = (1.0 / tl.sqrt(variance + eps)).to(tl.float32)
    mean = mean.to(tl.float32)
    tl.store(statistics_ptr + row * 2, mean, mask=is_first)
    tl.store(statistics_ptr + row * 2 + 1, scale, mask=is_first)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    exists = pixel < num_pixels
    offset = (pixel // AREA * out_channels + channel) * AREA + pixel % AREA
    offset += replica * out_channels * num_pixels
    normalized = (tl.load(values_ptr + offset, mask=exists) - mean) * scale
    gamma = tl.load(gamma_ptr + replica * gamma_stride + channel)
    beta = tl.load(beta_ptr + replica * beta_stride + channel)
    result = activate(normalized * gamma + beta, ACTIVATION)
    if signal_ptr is not None:
        result += tl.load(signal_ptr + offset, mask=exists)
    tl.store(result_ptr + offset, result, mask=exists)
