"""Which twin of the operator a trial uses."""

from depthbench.kernels import cpu, reference
from depthbench.kernels.block import ConvBlocks


def conv_blocks_of(kernels: str, device: str) -> ConvBlocks:
    """The twin that `TrialSpec.kernels` names on a kind of device."""
    if kernels == "reference":
        return reference.conv_blocks
    if device == "cuda":
        # Imports a compiler, which not every build of torch brings.
        from depthbench.kernels.cuda import conv_blocks

        return conv_blocks
    return cpu.CpuConvBlocks()
