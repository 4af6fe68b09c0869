"""The forward pass of one block: its memory and its launches."""

from dataclasses import dataclass

import torch
from torch import Tensor

from depthbench.kernels.block import Block, Norm
from depthbench.kernels.cuda.extent import (
    CHANNELS,
    COMBINED,
    ELEMENTS,
    OPTIONS,
    Extent,
    stride,
)
from depthbench.kernels.cuda.forward_kernels import convolve_forward, normalize


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the backward pass of a block needs from its forward pass.

    Attributes:
        signal: The block's input.
        values: Before the norm; without one, after the activation.
        statistics: Mean and 1 / deviation of every channel, [R, out_channels, 2];
            None without a norm.
    """

    signal: Tensor
    values: Tensor
    statistics: Tensor | None


def run_block(
    extent: Extent, signal: Tensor, block: Block, keeps: bool
) -> tuple[Tensor, Kept]:
    """A block's output, and what its backward pass needs, complete if `keeps`."""
    norm = block.norm
    out_channels, in_channels = block.weight.shape[-4:-2]
    result = signal.new_empty(*signal.shape[:-3], out_channels, *signal.shape[-2:])
    moments = activated = None
    if norm is not None and norm.uses_batch:
        shape = (extent.replicas, extent.num_tiles, out_channels, 2)
        moments = signal.new_empty(shape)
    if norm is None and block.adds_input and keeps:
        activated = torch.empty_like(result)
    convolve_forward[extent.tile_grid(out_channels)](
        signal,
        block.weight,
        stride(block.weight, 4),
        block.bias,
        stride(block.bias, 1),
        result,
        activated,
        moments,
        extent.num_pixels,
        in_channels,
        out_channels,
        HEIGHT=extent.height,
        WIDTH=extent.width,
        ACTIVATION=block.activation if norm is None else None,
        ADDS_INPUT=block.adds_input and norm is None,
        CHANNELS=CHANNELS,
        TILE=extent.tile,
        **OPTIONS,
    )
    if norm is None:
        values = result if activated is None else activated
        return result, Kept(signal=signal, values=values, statistics=None)
    statistics = signal.new_empty(extent.replicas, out_channels, 2)
    kept = Kept(signal=signal, values=result, statistics=statistics)
    return _normalized(extent, kept, block, norm, moments), kept


def _normalized(
    extent: Extent, kept: Kept, block: Block, norm: Norm, moments: Tensor | None
) -> Tensor:
    out_channels = block.weight.shape[-4]
    result = torch.empty_like(kept.values)
    normalize[extent.element_grid(out_channels)](
        kept.values,
        kept.signal if block.adds_input else None,
        result,
        moments,
        kept.statistics,
        norm.gamma,
        stride(norm.gamma, 1),
        norm.beta,
        stride(norm.beta, 1),
        norm.running_mean,
        stride(norm.running_mean, 1),
        norm.running_var,
        stride(norm.running_var, 1),
        norm.momentum,
        norm.eps,
        extent.num_pixels,
        out_channels,
        extent.num_tiles,
        AREA=extent.height * extent.width,
        UPDATES_RUNNING=norm.updates_running,
        ACTIVATION=block.activation,
        TILE=extent.tile,
        BLOCK=ELEMENTS,
        COMBINED=COMBINED,
        **OPTIONS,
    )
    return result
