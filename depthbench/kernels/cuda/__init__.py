"""The block in Triton: fp32 on CUDA devices, for one network or for many at once.

Every launch has the replica as an axis of its grid, so several networks of one shape
train together, none seeing another. All sums are in a fixed order: equal inputs give
equal bits, and a replica among others the bits that it gives alone.
"""

from depthbench.runtime import DeviceError

try:
    from depthbench.kernels.cuda.run import conv_blocks
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "triton":
        raise
    raise DeviceError(
        "the fused kernels for CUDA need triton, which this build of torch lacks:"
        " use --kernels reference"
    ) from error

__all__ = ["conv_blocks"]
