"""What a tile of the 3x3 convolution is made of, inside Triton kernels.

A program computes one tile: CHANNELS channels of TILE pixels of one replica. Pixels
are counted through all images of a replica, so a tile may span images.
"""

import triton
import triton.language as tl

# Arguments whose value or alignment must not choose other code: other code may sum in
# another order, and a replica alone must equal itself among others bit for bit.
UNSPECIALIZED = [
    "num_pixels",
    "in_channels",
    "out_channels",
    "num_tiles",
    "weight_stride",
    "bias_stride",
    "gamma_stride",
    "beta_stride",
    "running_mean_stride",
    "running_var_stride",
]
UNALIGNED = [
    "signal_ptr",
    "weight_ptr",
    "bias_ptr",
    "gamma_ptr",
    "beta_ptr",
    "running_mean_ptr",
    "running_var_ptr",
    "partial_ptr",
]


@triton.jit
def tile_pixels(tile, num_pixels, AREA: tl.constexpr, TILE: tl.constexpr):
    """Image and place in it, [1, TILE], of a tile's pixels; and which exist."""
    pixel = tile * TILE + tl.arange(0, TILE)[None, :]
    return pixel // AREA, pixel % AREA, pixel < num_pixels


@triton.jit
def load_tap(
    plane_ptr,  # [1, TILE]: the image of each pixel
    place,
    exists,
    TAP: tl.constexpr,  # 0 to 8, row by row
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """A neighbour of every pixel, [1, TILE]; 0 outside the image."""
    down: tl.constexpr = TAP // 3 - 1
    right: tl.constexpr = TAP % 3 - 1
    row = place // WIDTH + down
    column = place % WIDTH + right
    inside = exists & (row >= 0) & (row < HEIGHT) & (column >= 0) & (column < WIDTH)
    return tl.load(plane_ptr + place + (down * WIDTH + right), mask=inside, other=0.0)


@triton.jit
def convolve(
    plane_ptr,  # [1, TILE]: the first channel of each pixel's image
    num_channels,  # read
    weight_ptr,  # [CHANNELS, 1]: the first weights of each channel computed
    weight_stride,  # between the channels read
    weight_exists,  # [CHANNELS, 1]
    place,
    exists,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    FLIPS: tl.constexpr,  # the 3x3 weights, by half a turn, as the gradient does
    CHANNELS: tl.constexpr,
    TILE: tl.constexpr,
):
    """Every output of a tile, [CHANNELS, TILE]: one chain of fp32 multiply-adds."""
    total = tl.zeros((CHANNELS, TILE), tl.float32)
    for _ in range(num_channels):
        for tap in tl.static_range(9):
            value = load_tap(plane_ptr, place, exists, tap, HEIGHT, WIDTH)
            entry = 8 - tap if FLIPS else tap
            weight = tl.load(weight_ptr + entry, mask=weight_exists, other=0.0)
            total += weight * value
        plane_ptr += HEIGHT * WIDTH
        weight_ptr += weight_stride
    return total
