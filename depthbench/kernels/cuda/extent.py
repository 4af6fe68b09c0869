"""How the work on one replica is divided among programs.

It follows from the shape of one replica, never from how many there are: so the sums of
a replica are the same sums, alone or among others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

# Chosen for an H200 (132 multiprocessors) and batches of 256 images of 28, 14 and 7
# pixels a side: about 400 programs of 128 threads a convolution.
CHANNELS = 4
ELEMENTS = 1024
COMBINED = 512
SPLIT_TILE = 128
SUMMED_SPLITS = 32
SUMMED_ENTRIES = 64
_SPLIT_PROGRAMS = 528

# Of every launch. Triton's default for contracted multiply-adds depends on its version
# and the environment, and so would the results.
OPTIONS: Mapping[str, Any] = {"enable_fp_fusion": True, "num_warps": 4}


def cdiv(dividend: int, divisor: int) -> int:
    """The quotient of two positive integers, rounded up."""
    return -(-dividend // divisor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What all blocks of a run share.

    Attributes:
        replicas: Networks side by side.
        num_pixels: Of all images of one replica, in one channel.
        height: Of an image, in pixels.
        width: The same.
    """

    replicas: int
    num_pixels: int
    height: int
    width: int

    @property
    def tile(self) -> int:
        """Pixels that one program of a convolution computes."""
        if self.num_pixels >= 2**17:
            return 512
        return 256 if self.num_pixels >= 2**15 else 128

    @property
    def num_tiles(self) -> int:
        """Of one replica."""
        return cdiv(self.num_pixels, self.tile)

    def tile_grid(self, num_channels: int) -> tuple[int, int, int]:
        """A program for every tile of `CHANNELS` channels."""
        return self.num_tiles, cdiv(num_channels, CHANNELS), self.replicas

    def element_grid(self, num_channels: int) -> tuple[int, int, int]:
        """A program for every `ELEMENTS` pixels of one channel."""
        return cdiv(self.num_pixels, ELEMENTS), num_channels, self.replicas

    def splits(self, in_channels: int, out_channels: int) -> tuple[int, int]:
        """Into how many parts the sum for a weight is split, and the tiles of each."""
        num_tiles = cdiv(self.num_pixels, SPLIT_TILE)
        wanted = cdiv(_SPLIT_PROGRAMS, in_channels * cdiv(out_channels, CHANNELS))
        tiles_each = cdiv(num_tiles, min(wanted, num_tiles))
        return cdiv(num_tiles, tiles_each), tiles_each


def extent_of(signal: Tensor) -> Extent:
    """Of [N, C, H, W], one replica, or [R, N, C, H, W]."""
    images, _, height, width = signal.shape[-4:]
    return Extent(
        replicas=signal.shape[0] if signal.dim() == 5 else 1,
        num_pixels=images * height * width,
        height=height,
        width=width,
    )


def stride(tensor: Tensor, num_axes: int) -> int:
    """Between replicas, where one replica's tensor has `num_axes` axes."""
    return tensor.stride(0) if tensor.dim() > num_axes else 0
