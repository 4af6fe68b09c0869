"""The backward pass of a run of blocks: its memory and its launches."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from depthbench.kernels.block import Block, Norm
from depthbench.kernels.cuda.backward_kernels import (
    norm_gradient,
    signal_gradient,
    sum_partials,
    weight_gradient,
)
from depthbench.kernels.cuda.extent import (
    CHANNELS,
    COMBINED,
    ELEMENTS,
    OPTIONS,
    SPLIT_TILE,
    SUMMED_ENTRIES,
    SUMMED_SPLITS,
    Extent,
    cdiv,
    stride,
)
from depthbench.kernels.cuda.forward import Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gradient:
    """A gradient on its way down, at one block.

    Attributes:
        at_output: After the block; None where nothing needs it.
        at_convolution: Between convolution and activation; None where there is a norm
            to be passed first.
        sums: Those for that norm's beta and gamma, of every tile.
    """

    at_output: Tensor | None
    at_convolution: Tensor | None = None
    sums: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Blocks whose weights have one shape, so that one launch sums for all of them.

    Attributes:
        indices: Of the blocks, in the run.
        partials: Of each block, replica, part of the pixels, weight and bias.
    """

    indices: Sequence[int]
    partials: Tensor


def run_backward(
    extent: Extent,
    blocks: Sequence[Block],
    kept: Sequence[Kept],
    upstream: Tensor,
    needs_signal: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """Gradients at a run's input and at its weights.

    The second are weight, bias and, with a norm, gamma and beta of every block in turn.
    """
    groups = _group(extent, blocks, upstream)
    slices = {
        index: partials
        for group in groups
        for index, partials in zip(group.indices, group.partials, strict=True)
    }
    of_weights: list[tuple[Tensor, ...]] = [() for _ in blocks]
    of_norms: list[tuple[Tensor, ...]] = [() for _ in blocks]
    gradient = _Gradient(at_output=upstream)
    above: Block | None = None
    for index in reversed(range(len(blocks))):
        block, held = blocks[index], kept[index]
        gradient = _descend(extent, gradient, above, block, held)
        if block.norm is not None:
            gradient, of_norms[index] = _through_norm(
                extent, gradient, block, block.norm, held
            )
        _sum_splits(extent, gradient, block, held, slices[index])
        above = block
    if needs_signal:
        gradient = _descend(extent, gradient, above, None, None)
    for group in groups:
        summed = zip(*_sum_group(group, blocks[group.indices[0]]), strict=True)
        for index, pair in zip(group.indices, summed, strict=True):
            of_weights[index] = pair
    flat = [
        tensor for i in range(len(blocks)) for tensor in of_weights[i] + of_norms[i]
    ]
    return gradient.at_output if needs_signal else None, flat


def _descend(
    extent: Extent,
    gradient: _Gradient,
    above: Block | None,
    below: Block | None,
    held: Kept | None,
) -> _Gradient:
    """From the convolution of the block above to that of the block below.

    With none above, from the end of the run; with none below, to its beginning.
    """
    after, at_convolution = gradient.at_output, gradient.at_convolution
    like = at_convolution if at_convolution is not None else after
    assert like is not None
    out_channels = in_channels = like.shape[-3]
    if above is not None:
        in_channels = above.weight.shape[-3]
    shape = (*like.shape[:-3], in_channels, *like.shape[-2:])
    norm = below.norm if below is not None else None
    result = at_below = sums = None
    if above is not None and (below is None or norm is not None or below.adds_input):
        result = like.new_empty(shape)
    if norm is not None:
        sums = like.new_empty(extent.replicas, extent.num_tiles, in_channels, 2)
    elif below is not None:
        at_below = like.new_empty(shape)
    signal_gradient[extent.tile_grid(in_channels)](
        at_convolution,
        above.weight if above is not None else None,
        stride(above.weight, 4) if above is not None else 0,
        after if above is None or above.adds_input else None,
        result,
        held.values if held is not None else None,
        at_below,
        sums,
        held.statistics if held is not None else None,
        norm.gamma if norm is not None else None,
        stride(norm.gamma, 1) if norm is not None else 0,
        norm.beta if norm is not None else None,
        stride(norm.beta, 1) if norm is not None else 0,
        extent.num_pixels,
        in_channels,
        out_channels,
        HEIGHT=extent.height,
        WIDTH=extent.width,
        ACTIVATION=below.activation if below is not None else None,
        CHANNELS=CHANNELS,
        TILE=extent.tile,
        **OPTIONS,
    )
    at_output = result if above is not None else after
    return _Gradient(at_output=at_output, at_convolution=at_below, sums=sums)


def _through_norm(
    extent: Extent, gradient: _Gradient, block: Block, norm: Norm, held: Kept
) -> tuple[_Gradient, tuple[Tensor, Tensor]]:
    """To the convolution of a block with norm; and the gradients of gamma and beta."""
    after = gradient.at_output
    assert after is not None
    at_convolution = torch.empty_like(after)
    of_gamma = after.new_empty(norm.gamma.shape)
    of_beta = after.new_empty(norm.beta.shape)
    out_channels = block.weight.shape[-4]
    norm_gradient[extent.element_grid(out_channels)](
        after,
        held.values,
        at_convolution,
        gradient.sums,
        held.statistics,
        norm.gamma,
        stride(norm.gamma, 1),
        norm.beta,
        stride(norm.beta, 1),
        of_gamma,
        of_beta,
        extent.num_pixels,
        out_channels,
        extent.num_tiles,
        AREA=extent.height * extent.width,
        USES_BATCH=norm.uses_batch,
        ACTIVATION=block.activation,
        BLOCK=ELEMENTS,
        COMBINED=COMBINED,
        **OPTIONS,
    )
    passed = _Gradient(at_output=after, at_convolution=at_convolution)
    return passed, (of_gamma, of_beta)


def _group(extent: Extent, blocks: Sequence[Block], like: Tensor) -> list[_Group]:
    """Blocks with weights of one shape, and memory for their partial sums."""
    indices: dict[torch.Size, list[int]] = {}
    for index, block in enumerate(blocks):
        indices.setdefault(block.weight.shape, []).append(index)
    groups = []
    for shape, members in indices.items():
        out_channels, in_channels = shape[-4:-2]
        num_splits, _ = extent.splits(in_channels, out_channels)
        entries = out_channels * (in_channels * 9 + 1)
        size = (len(members), extent.replicas, num_splits, entries)
        groups.append(_Group(indices=members, partials=like.new_empty(size)))
    return groups


def _sum_splits(
    extent: Extent, gradient: _Gradient, block: Block, held: Kept, partial: Tensor
) -> None:
    """The sums for the weights and bias of one block, over parts of the pixels."""
    out_channels, in_channels = block.weight.shape[-4:-2]
    num_splits, tiles_each = extent.splits(in_channels, out_channels)
    groups = in_channels * cdiv(out_channels, CHANNELS)
    weight_gradient[num_splits, groups, extent.replicas](
        held.signal,
        gradient.at_convolution,
        partial,
        extent.num_pixels,
        in_channels,
        out_channels,
        tiles_each,
        HEIGHT=extent.height,
        WIDTH=extent.width,
        CHANNELS=CHANNELS,
        TILE=SPLIT_TILE,
        **OPTIONS,
    )


def _sum_group(group: _Group, like: Block) -> tuple[Tensor, Tensor]:
    """Gradients of the weights and of the biases of a group's blocks."""
    num_blocks, replicas, num_splits, _ = group.partials.shape
    of_weights = group.partials.new_empty(num_blocks, *like.weight.shape)
    of_biases = group.partials.new_empty(num_blocks, *like.bias.shape)
    out_channels, in_channels = like.weight.shape[-4:-2]
    num_weights = out_channels * in_channels * 9
    programs = cdiv(num_weights + out_channels, SUMMED_ENTRIES)
    sum_partials[num_blocks * replicas, programs](
        group.partials,
        of_weights,
        of_biases,
        num_splits,
        num_weights,
        out_channels,
        SPLITS=SUMMED_SPLITS,
        BLOCK=SUMMED_ENTRIES,
        **OPTIONS,
    )
    return of_weights, of_biases
