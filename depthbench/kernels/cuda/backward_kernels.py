"""Triton kernels for the backward pass: two launches a block, three with BatchNorm.

Beside those, one a run of blocks to start with, and one for every shape of weights.
"""

import triton
import triton.language as tl

from depthbench.kernels.cuda.activations import activation_gradient
from depthbench.kernels.cuda.statistics import combined_sums, gradient_at_norm
from depthbench.kernels.cuda.tiles import (
    UNALIGNED,
    UNSPECIALIZED,
    convolve,
    load_tap,
    tile_pixels,
)


@triton.jit(do_not_specialize=UNSPECIALIZED, do_not_specialize_on_alignment=UNALIGNED)
def signal_gradient(
    above_ptr,  # gradient at the convolution, [R, N, out_channels, ...]; or None
    weight_ptr,  # [R, out_channels, in_channels, 3, 3]
    weight_stride,  # between replicas, like every stride here
    skip_ptr,  # gradient after the block, [R, N, in_channels, ...]; None: no skip
    result_ptr,  # gradient before the block, like `skip_ptr`; None: do not store it
    values_ptr,  # of the block below: before its norm, or after its activation
    below_ptr,  # gradient at its convolution, where it has no norm; else None
    sums_ptr,  # [R, tiles, in_channels, 2], where it has one; else None
    statistics_ptr,  # its mean and 1 / deviation, [R, in_channels, 2]
    gamma_ptr,  # [R, in_channels]
    gamma_stride,
    beta_ptr,
    beta_stride,
    num_pixels,
    in_channels,
    out_channels,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    ACTIVATION: tl.constexpr,  # of the block below
    CHANNELS: tl.constexpr,
    TILE: tl.constexpr,
):
    """Back through a convolution and a skip, and through the activation below.

    With no `above_ptr` the gradient is that at `skip_ptr`: where a run of blocks ends.
    """
    tile = tl.program_id(0)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)[:, None]
    replica = tl.program_id(2).to(tl.int64)
    is_channel = channel < in_channels
    image, place, exists = tile_pixels(tile, num_pixels, HEIGHT * WIDTH, TILE)
    mask = is_channel & exists
    offset = (image * in_channels + channel) * (HEIGHT * WIDTH) + place
    offset += replica * in_channels * num_pixels
    gradient = tl.zeros((CHANNELS, TILE), tl.float32)
    if above_ptr is not None:
        above_ptr += replica * out_channels * num_pixels
        weight_ptr += replica * weight_stride
        gradient = convolve(
            above_ptr + image * (out_channels * HEIGHT * WIDTH),
            out_channels,
            weight_ptr + channel * 9,
            in_channels * 9,
            is_channel,
            place,
            exists,
            HEIGHT,
            WIDTH,
            True,
            CHANNELS,
            TILE,
        )
    if skip_ptr is not None:
        gradient += tl.load(skip_ptr + offset, mask=mask, other=0.0)
    if result_ptr is not None:
        tl.store(result_ptr + offset, gradient, mask=mask)
    if below_ptr is not None:
        activated = tl.load(values_ptr + offset, mask=mask, other=0.0)
        gradient = activation_gradient(gradient, activated, ACTIVATION)
        tl.store(below_ptr + offset, gradient, mask=mask)
    if sums_ptr is not None:
        row = replica * in_channels + channel
        gamma_ptr += replica * gamma_stride + channel
        beta_ptr += replica * beta_stride + channel
        gradient, normalized = gradient_at_norm(
            gradient,
            tl.load(values_ptr + offset, mask=mask, other=0.0),
            tl.load(statistics_ptr + row * 2, mask=is_channel, other=0.0),
            tl.load(statistics_ptr + row * 2 + 1, mask=is_channel, other=0.0),
            tl.load(gamma_ptr, mask=is_channel, other=0.0),
            tl.load(beta_ptr, mask=is_channel, other=0.0),
            ACTIVATION,
        )
        gradient = tl.where(mask, gradient, 0.0)
        scaled = tl.where(mask, gradient * normalized, 0.0)
        shift_sum = tl.sum(gradient, axis=1, keep_dims=True)
        scale_sum = tl.sum(scaled, axis=1, keep_dims=True)
        row = (replica * tl.num_programs(0) + tile) * in_channels + channel
        tl.store(sums_ptr + row * 2, shift_sum, mask=is_channel)
        tl.store(sums_ptr + row * 2 + 1, scale_sum, mask=is_channel)


@triton.jit(do_not_specialize=UNSPECIALIZED, do_not_specialize_on_alignment=UNALIGNED)
def norm_gradient(
    gradient_ptr,  # after the activation, [R, N, out_channels, HEIGHT, WIDTH]
    values_ptr,  # before the norm
    result_ptr,  # gradient at the convolution
    sums_ptr,  # [R, tiles, out_channels, 2]
    statistics_ptr,  # [R, out_channels, 2]
    gamma_ptr,  # [R, out_channels], like the three that follow
    gamma_stride,
    beta_ptr,
    beta_stride,
    gamma_gradient_ptr,
    beta_gradient_ptr,
    num_pixels,
    out_channels,
    num_tiles,
    AREA: tl.constexpr,
    USES_BATCH: tl.constexpr,
    ACTIVATION: tl.constexpr,
    BLOCK: tl.constexpr,
    COMBINED: tl.constexpr,
):
    """Back through activation and BatchNorm (Ioffe and Szegedy, 2015, section 3)."""
    channel = tl.program_id(1)
    replica = tl.program_id(2).to(tl.int64)
    row = replica * out_channels + channel
    sums_ptr += (replica * num_tiles * out_channels + channel) * 2
    shift_sum, scale_sum = combined_sums(
        sums_ptr, out_channels * 2, num_tiles, COMBINED
    )
    is_first = tl.program_id(0) == 0
    tl.store(beta_gradient_ptr + row, shift_sum.to(tl.float32), mask=is_first)
    tl.store(gamma_gradient_ptr + row, scale_sum.to(tl.float32), mask=is_first)
    pixel = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    exists = pixel < num_pixels
    offset = (pixel // AREA * out_channels + channel) * AREA + pixel % AREA
    offset += replica * out_channels * num_pixels
    scale = tl.load(statistics_ptr + row * 2 + 1)
    gamma = tl.load(gamma_ptr + replica * gamma_stride + channel)
    gradient, normalized = gradient_at_norm(
        tl.load(gradient_ptr + offset, mask=exists, other=0.0),
        tl.load(values_ptr + offset, mask=exists, other=0.0),
        tl.load(statistics_ptr + row * 2),
        scale,
        gamma,
        tl.load(beta_ptr + replica * beta_stride + channel),
        ACTIVATION,
    )
    if USES_BATCH:
        gradient -= (shift_sum / num_pixels).to(tl.float32)
        gradient -= normalized * (scale_sum / num_pixels).to(tl.float32)
    tl.store(result_ptr + offset, gamma * scale * gradient, mask=exists)


@triton.jit(do_not_specialize=UNSPECIALIZED, do_not_specialize_on_alignment=UNALIGNED)
def weight_gradient(
    signal_ptr,  # the block's input, [R, N, in_channels, HEIGHT, WIDTH]
    gradient_ptr,  # at its convolution, [R, N, out_channels, HEIGHT, WIDTH]
    partial_ptr,  # [R, splits, out_channels * in_channels * 9 + out_channels]
    num_pixels,
    in_channels,
    out_channels,
    num_tiles,  # a split
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    TILE: tl.constexpr,
):
    """Sums over one split of the pixels: for CHANNELS outputs and one input channel.

    The sums for the weights come first, those for the biases follow.
    """
    split = tl.program_id(0)
    read = tl.program_id(1) % in_channels
    channel = tl.program_id(1) // in_channels * CHANNELS
    channel += tl.arange(0, CHANNELS)[:, None]
    replica = tl.program_id(2).to(tl.int64)
    is_channel = channel < out_channels
    signal_ptr += replica * in_channels * num_pixels
    gradient_ptr += replica * out_channels * num_pixels
    zeros = tl.zeros((CHANNELS, TILE), tl.float32)
    of_bias = zeros
    of_taps = (zeros, zeros, zeros, zeros, zeros, zeros, zeros, zeros, zeros)
    for tile in range(split * num_tiles, (split + 1) * num_tiles):
        image, place, exists = tile_pixels(tile, num_pixels, HEIGHT * WIDTH, TILE)
        offset = (image * out_channels + channel) * (HEIGHT * WIDTH) + place
        mask = is_channel & exists
        gradient = tl.load(gradient_ptr + offset, mask=mask, other=0.0)
        plane_ptr = signal_ptr + (image * in_channels + read) * (HEIGHT * WIDTH)
        of_bias += gradient
        updated = ()
        for tap in tl.static_range(9):
            value = load_tap(plane_ptr, place, exists, tap, HEIGHT, WIDTH)
            # Triton's compiler, unlike its interpreter, can not unpack a tuple.
            updated = updated + (of_taps[tap] + gradient * value,)  # noqa: RUF005
        of_taps = updated
    num_weights = out_channels * in_channels * 9
    row = replica * tl.num_programs(0) + split
    partial_ptr += row * (num_weights + out_channels)
    weight = partial_ptr + (channel * in_channels + read) * 9
    for tap in tl.static_range(9):
        total = tl.sum(of_taps[tap], axis=1, keep_dims=True)
        tl.store(weight + tap, total, mask=is_channel)
    if read == 0:
        total = tl.sum(of_bias, axis=1, keep_dims=True)
        tl.store(partial_ptr + num_weights + channel, total, mask=is_channel)


@triton.jit(do_not_specialize=["num_splits", "num_weights", "out_channels"])
def sum_partials(
    partial_ptr,  # [rows, num_splits, num_weights + out_channels]
    weight_gradient_ptr,  # [rows, num_weights]
    bias_gradient_ptr,  # [rows, out_channels]
    num_splits,
    num_weights,
    out_channels,
    SPLITS: tl.constexpr,  # added at a time
    BLOCK: tl.constexpr,
):
    """The sums over all splits, for the weights and biases of many blocks."""
    row = tl.program_id(0).to(tl.int64)
    entry = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    num_entries = num_weights + out_channels
    partial_ptr += row * num_splits * num_entries + entry[None, :]
    total = tl.zeros((SPLITS, BLOCK), tl.float32)
    for start in range(0, num_splits, SPLITS):
        split = start + tl.arange(0, SPLITS)[:, None]
        mask = (split < num_splits) & (entry[None, :] < num_entries)
        total += tl.load(partial_ptr + split * num_entries, mask=mask, other=0.0)
    total = tl.sum(total, axis=0)
    weight_gradient_ptr += row * num_weights + entry
    tl.store(weight_gradient_ptr, total, mask=entry < num_weights)
    bias = entry - num_weights
    mask = (bias >= 0) & (bias < out_channels)
    tl.store(bias_gradient_ptr + row * out_channels + bias, total, mask=mask)
