"""The convolution block, computed three ways that agree: one operator, three twins."""

from depthbench.kernels import reference
from depthbench.kernels.block import ConvBlocks


def conv_blocks_of(kernels: str, device: str) -> ConvBlocks:
    """The twin that `TrialSpec.kernels` names on a kind of device."""
    if kernels == "reference":
        return reference.conv_blocks
    if device == "cuda":
        from depthbench.kernels import cuda

        return cuda.conv_blocks
    from depthbench.kernels import cpu

    return cpu.conv_blocks
