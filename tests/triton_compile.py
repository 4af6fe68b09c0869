"""Compile every Triton kernel for an H200, on any machine; prints their names.

`test_kernels_triton.py` runs this file. The interpreter accepts Python that the
compiler does not, so what passes there may still fail on a GPU.
"""

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction
from triton_cases import draw_blocks, draw_images

from depthbench.kernels.cuda import conv_blocks


class NoDevice:
    """What Triton asks of a driver in order to compile."""

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, _):
        return 0


def main():
    compiled = set()
    run = JITFunction.run

    def compile_only(self, *args, grid, warmup, **kwargs):
        kernel = run(self, *args, grid=grid, warmup=True, **kwargs)
        assert kernel.asm["cubin"]
        compiled.add(self.__name__)

    JITFunction.run = compile_only
    triton.runtime.driver.set_active(NoDevice())
    for kind in [("elu", "batch", True), ("tanh", None, True), ("relu", "running")]:
        blocks = draw_blocks((4, 4, 4), *kind)
        for block in blocks:
            block.weight.requires_grad_()
        signal = draw_images(32, 4, 7, 7).requires_grad_()
        conv_blocks(signal, blocks, False).sum().backward()
    assert torch.cuda.is_initialized() is False
    print(*sorted(compiled))


if __name__ == "__main__":
    main()
