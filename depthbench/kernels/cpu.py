"""The block in C++ for CPUs: vectors of images, fused passes, one thread.

See `native/` for how it computes, and `compiled` for what is built.
"""

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from depthbench.kernels.block import Block, GroupNorm, Norm
from depthbench.kernels.compiled import ACTIVATIONS, Kernel, kernels
from depthbench.kernels.memory import Memory

# `Block` and `Run` of native/run.h.
_BLOCK = struct.Struct("12P4f6i")
_RUN = struct.Struct("7P7i4x")


class CpuConvBlocks:
    """`kernels.block.ConvBlocks` for float32 on a CPU and `compiled.ACTIVATIONS`.

    One object serves one network, for which it keeps the memory of a step. A
    convolution's bias in front of a batch's own mean has no effect, and its gradient
    here is exactly 0.
    """

    def __init__(self, kernel: Kernel | None = None) -> None:
        """Use a certain instruction set, or the widest.

        Raises:
            LibraryMissingError: If there is no compiled library.
        """
        self._kernel = kernel or kernels()[0]
        self._memory = Memory()

    def __deepcopy__(self, memo: dict[int, Any]) -> "CpuConvBlocks":
        """A network's copy has memory of its own."""
        del memo
        return CpuConvBlocks(self._kernel)

    def __call__(self, signal: Tensor, blocks: Sequence[Block], pool: bool) -> Tensor:
        """See `ConvBlocks`.

        Raises:
            ValueError: If a tensor has another type, shape or order in memory than
                the kernels read; or if a batch has one value a channel, whose
                variance is 0/0.
        """
        _check(signal, blocks, pool)
        num_images, _, height, width = signal.shape
        norms = filter(None, map(_norm, blocks))
        uses_batch = any(norm.uses_batch for norm in norms)
        if uses_batch and num_images * height * width == 1:
            raise ValueError(
                "batch statistics need more than one value a channel, "
                "got 1 image of 1x1"
            )
        weights = [weight for block in blocks for weight in _weights(block)]
        keeps = torch.is_grad_enabled() and any(
            tensor.requires_grad for tensor in (signal, *weights)
        )
        call = _Call(self._kernel, self._memory, tuple(blocks), pool, keeps)
        result: Tensor = _ConvBlocks.apply(call, signal.contiguous(), *weights)
        return result


class _ConvBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: "_Call", signal: Tensor, *weights: Tensor) -> Tensor:
        out, saved = call.forward(signal)
        ctx.call = call
        ctx.save_for_backward(signal, saved, *weights)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        signal, saved, *_ = ctx.saved_tensors
        wants_signal = ctx.needs_input_grad[1]
        grads = ctx.call.backward(signal, saved, grad_out.contiguous(), wants_signal)
        return (None, *grads)


@dataclass(frozen=True, slots=True)
class _Call:
    kernel: Kernel
    memory: Memory
    blocks: tuple[Block, ...]
    pool: bool
    keeps: bool

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """The output, and what backward needs."""
        blocks = _buffer(_packed(block) for block in self.blocks)
        sizes = self._packed(blocks, signal)
        saved = self.memory.floats(self.kernel.saved_floats(sizes))
        scratch = self.memory.floats(self.kernel.scratch_floats(sizes))
        num_images, _, height, width = signal.shape
        scale = 2 if self.pool else 1
        channels = self.blocks[-1].weight.shape[0]
        out = torch.empty(num_images, channels, height // scale, width // scale)
        run = self._packed(blocks, signal, out=out, saved=saved, scratch=scratch)
        self.kernel.forward(run)
        return out, saved

    def backward(
        self, signal: Tensor, saved: Tensor, grad_out: Tensor, wants_signal: bool
    ) -> list[Tensor | None]:
        """Gradients of the signal, or None, and of the `_weights` of each block."""
        grads = [
            [torch.empty_like(weight) for weight in _weights(block)]
            for block in self.blocks
        ]
        blocks = _buffer(map(_packed, self.blocks, grads))
        num_floats = self.kernel.scratch_floats(self._packed(blocks, signal))
        scratch = self.memory.floats(num_floats)
        grad_signal = torch.empty_like(signal) if wants_signal else None
        run = self._packed(
            blocks,
            signal,
            grad_out=grad_out,
            grad_signal=grad_signal,
            saved=saved,
            scratch=scratch,
        )
        self.kernel.backward(run)
        return [grad_signal, *(grad for of_block in grads for grad in of_block)]

    def _packed(
        self, blocks: ctypes.Array[ctypes.c_char], signal: Tensor, **tensors: Any
    ) -> bytes:
        """`Run` of native/run.h; the pointers live as long as the arguments do."""
        names = ("out", "grad_out", "grad_signal", "saved", "scratch")
        given = [tensors.get(name) for name in names]
        num_images, _, height, width = signal.shape
        return _RUN.pack(
            ctypes.addressof(blocks),
            signal.data_ptr(),
            *(0 if tensor is None else tensor.data_ptr() for tensor in given),
            num_images,
            height,
            width,
            len(self.blocks),
            self.pool,
            self.keeps,
            self.blocks[0].padding == "circular",
        )


def _check(signal: Tensor, blocks: Sequence[Block], pool: bool) -> None:
    """What C would take on trust."""
    if pool and min(signal.shape[2:]) < 2:
        raise ValueError(f"images of {tuple(signal.shape)}: too small to pool 2x2")
    channels = signal.shape[1]
    if signal.dtype != torch.float32 or signal.device.type != "cpu":
        raise ValueError(f"signal: {signal.dtype} on {signal.device}: float32 on a CPU")
    for block in blocks:
        _check_kind(block, blocks[0])
        out, into = block.weight.shape[:2]
        if into != channels or (block.adds_input and into != out):
            raise ValueError(
                f"a block from {into} to {out} channels after {channels} channels"
            )
        for tensor in _read(block):
            if tensor.dtype != torch.float32 or not tensor.is_contiguous():
                raise ValueError("weights and statistics: contiguous float32")
        channels = out


def _check_kind(block: Block, first: Block) -> None:
    if block.gate or isinstance(block.norm, GroupNorm):
        raise ValueError("a gate or a GroupNorm: the fused kernels have neither")
    if block.padding != first.padding:
        raise ValueError("blocks of one run: the same padding")
    if block.activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"activation {block.activation}: one of {known}")


def _norm(block: Block) -> Norm | None:
    assert not isinstance(block.norm, GroupNorm)
    return block.norm


def _read(block: Block) -> list[Tensor]:
    norm = _norm(block)
    statistics = [norm.running_mean, norm.running_var] if norm else []
    return _weights(block) + statistics


def _weights(block: Block) -> list[Tensor]:
    return [weight for weight in _places(block) if weight is not None]


def _places(block: Block) -> list[Tensor | None]:
    """What gradients reach, each in its place."""
    norm = _norm(block)
    of_norm = [norm.gamma, norm.beta] if norm else [None, None]
    factor = block.factor if block.adds_input else None
    return [block.weight, block.bias, *of_norm, factor]


def _packed(block: Block, grads: Sequence[Tensor] = ()) -> bytes:
    """`Block` of native/run.h."""
    norm, places, left = _norm(block), _places(block), iter(grads)
    of_weights = [None if place is None else next(left, None) for place in places]
    statistics = [norm.running_mean, norm.running_var] if norm else [None, None]
    order = (*places[:4], *statistics, *of_weights[:4], places[4], of_weights[4])
    return _BLOCK.pack(
        *(0 if tensor is None else tensor.data_ptr() for tensor in order),
        norm.momentum if norm else 0.0,
        norm.eps if norm else 0.0,
        *block.slopes,
        block.weight.shape[1],
        block.weight.shape[0],
        ACTIVATIONS[block.activation],
        norm is not None and norm.uses_batch,
        norm is not None and norm.updates_running,
        block.adds_input,
    )


def _buffer(parts: Any) -> ctypes.Array[ctypes.c_char]:
    joined = b"".join(parts)
    return ctypes.create_string_buffer(joined, len(joined))
