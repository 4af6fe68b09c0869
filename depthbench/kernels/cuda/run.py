"""A run of blocks as one differentiable function."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from depthbench.kernels.block import Block
from depthbench.kernels.cuda.activations import SUPPORTED
from depthbench.kernels.cuda.backward import run_backward
from depthbench.kernels.cuda.extent import extent_of
from depthbench.kernels.cuda.forward import Kept, run_block


def conv_blocks(signal: Tensor, blocks: Sequence[Block], pool: bool) -> Tensor:
    """See `kernels.block.ConvBlocks`; the signal and all weights are fp32.

    With a signal [R, N, in_channels, H, W], R networks are computed side by side; every
    tensor of every block then has a leading axis of R. Gradients are of first order
    only. Without a host synchronisation, so a CUDA graph may capture it.

    Raises:
        ValueError: If an activation is none of `activations.SUPPORTED`, or if BatchNorm
            is to take the variance of a single value.
    """
    blocks = [_dense(block) for block in blocks]
    num_values = extent_of(signal).num_pixels
    for block in blocks:
        _check(block, num_values)
    parameters = [tensor for block in blocks for tensor in _parameters(block)]
    signal = signal.contiguous()
    inputs = (signal, *parameters)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs):
        signal = cast(Tensor, _Run.apply(blocks, *inputs))
    else:
        signal = _forward(signal, blocks, keeps=False)[0]
    if not pool:
        return signal
    pooled = functional.avg_pool2d(signal.flatten(0, -4), 2)
    return pooled.reshape(*signal.shape[:-2], *pooled.shape[-2:])


def _check(block: Block, num_values: int) -> None:
    if block.activation not in SUPPORTED:
        raise ValueError(
            f"the fused kernels for CUDA know no activation {block.activation!r}, only"
            f" {', '.join(SUPPORTED)}: use --kernels reference"
        )
    if block.norm is not None and block.norm.uses_batch and num_values == 1:
        raise ValueError("BatchNorm needs more than one value a channel to train")


def _dense(block: Block) -> Block:
    """With every replica's tensors contiguous, as the kernels read them."""
    norm = block.norm
    if norm is not None:
        gamma, beta = _dense_tensor(norm.gamma, 1), _dense_tensor(norm.beta, 1)
        norm = replace(norm, gamma=gamma, beta=beta)
    weight, bias = _dense_tensor(block.weight, 4), _dense_tensor(block.bias, 1)
    return replace(block, weight=weight, bias=bias, norm=norm)


def _dense_tensor(tensor: Tensor, num_axes: int) -> Tensor:
    one = tensor[0] if tensor.dim() > num_axes else tensor
    return tensor if one.is_contiguous() else tensor.contiguous()


def _parameters(block: Block) -> tuple[Tensor, ...]:
    norm = block.norm
    of_norm = (norm.gamma, norm.beta) if norm is not None else ()
    return (block.weight, block.bias, *of_norm)


def _forward(
    signal: Tensor, blocks: Sequence[Block], keeps: bool
) -> tuple[Tensor, list[Kept]]:
    extent = extent_of(signal)
    kept = []
    for block in blocks:
        signal, held = run_block(extent, signal, block, keeps)
        if keeps:
            kept.append(held)
    return signal, kept


class _Run(torch.autograd.Function):
    """`_forward` with its gradient; takes the blocks, then signal and parameters."""

    @staticmethod
    def forward(
        ctx: Any, blocks: Sequence[Block], signal: Tensor, *parameters: Tensor
    ) -> Tensor:
        result, kept = _forward(signal, blocks, keeps=True)
        tensors = [(held.signal, held.values, held.statistics) for held in kept]
        # The blocks hold the parameters too: saving these here as well makes autograd
        # notice one that is written to between forward and backward.
        ctx.save_for_backward(*(part for held in tensors for part in held), *parameters)
        ctx.blocks = blocks
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        kept = [
            Kept(signal=signal, values=values, statistics=statistics)
            for signal, values, statistics in zip(
                *(saved[part : 3 * len(ctx.blocks) : 3] for part in range(3)),
                strict=True,
            )
        ]
        of_signal, of_parameters = run_backward(
            extent_of(kept[0].signal),
            ctx.blocks,
            kept,
            upstream.contiguous(),
            ctx.needs_input_grad[1],
        )
        return None, of_signal, *of_parameters
