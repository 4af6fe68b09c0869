"""The blocks of any network: the tensors that every path to the logits goes through."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.kernels.block import Block, ConvBlocks
from depthbench.training.autograd_graph import on_every_path, weight_layers_before
from depthbench.training.batches import as_heads


class BlockOutput(NamedTuple):
    """What a block gives to the next one.

    Attributes:
        num_layers: Weight layers on the longest path from the images to it.
        signal: [N, ...]; part of autograd's graph.
    """

    num_layers: int
    signal: Tensor


class Forward(NamedTuple):
    """A network run once.

    Attributes:
        heads: Logits, shallowest first.
        blocks: On the way to the last head, from the image on; without the head itself.
    """

    heads: tuple[Tensor, ...]
    blocks: list[BlockOutput]


def run_by_blocks(
    net: nn.Module, images: Tensor, *, only_ends: bool = False
) -> Forward:
    """Run `net` in its present mode and find its blocks in autograd's graph.

    A block ends where every path from the images to the last head's logits comes
    together behind at least one more weight layer: a layer of a plain stack with its
    norm and activation, a residual block with its shortcut. Its output is the last such
    tensor that has as many elements as the first, so in front of a pool. Works on any
    module or function, as nothing but the graph is looked at. Where paths never come
    together, as in a U-Net, the outputs of weight layers stand for blocks.

    Args:
        net: With at least one parameter that is trained.
        images: [N, C, H, W]. Not changed.
        only_ends: Whether blocks between the first and the last may be left out, where
            that is faster.
    """
    images = images.detach().clone().requires_grad_()
    with _in_parts(net, only_ends), _TensorsInCalls() as calls:
        heads = as_heads(net(images))
    # Looked at only now: what was changed in place is another node by then.
    tensors = {t.grad_fn: t for t in calls.tensors if t.grad_fn is not None}
    layers = weight_layers_before(heads[-1], images, net)
    blocks = _blocks(on_every_path(layers), layers, tensors)
    if len(blocks) < 2:
        blocks = _blocks(layers, layers, tensors)
    return Forward(heads, blocks)


def _blocks(
    nodes: Iterable[Node], layers: dict[Node, int], tensors: dict[Node, Tensor]
) -> list[BlockOutput]:
    by_layers: dict[int, list[Tensor]] = {}
    for node in nodes:
        if node in tensors:
            by_layers.setdefault(layers[node], []).append(tensors[node])
    before_head = range(1, max(layers.values(), default=0))
    return [
        BlockOutput(num_layers, [t for t in found if t.numel() == found[0].numel()][-1])
        for num_layers, found in sorted(by_layers.items())
        if num_layers in before_head
    ]


# Results of questions about a tensor, most of the calls that a mode sees. What changes
# a tensor in place may return nothing.
_NO_TENSOR = (bool, int, torch.Size, torch.dtype, torch.device, torch.layout)


class _TensorsInCalls(TorchFunctionMode):
    """Keeps the tensors of the graph that are arguments or results of torch's calls."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[Tensor] = []

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        del types
        result = func(*args, **(kwargs or {}))
        if not isinstance(result, _NO_TENSOR):
            self.tensors += _tensors_in((args, kwargs, result))
        return result


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if value.requires_grad:
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors_in(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors_in(each)


@contextmanager
def _in_parts(net: nn.Module, only_ends: bool) -> Iterator[None]:
    """A stack computes block by block: a kernel for many hides what is between."""
    if not isinstance(net, ConvStackNet):
        yield
        return
    kernel = net.conv_blocks
    ends = list(net.blocks())
    ends = [ends[0], ends[-1]] if only_ends else ends
    net.conv_blocks = _InParts(kernel, {id(block.conv.bias) for block in ends})
    try:
        yield
    finally:
        net.conv_blocks = kernel


class _InParts:
    """Runs some blocks alone, those with certain biases, and the others together."""

    def __init__(self, kernel: ConvBlocks, alone: Collection[int]) -> None:
        self._kernel, self._alone = kernel, alone

    def __call__(self, signal: Tensor, blocks: Sequence[Block], pool: bool) -> Tensor:
        for _, part in groupby(blocks, self._key):
            signal = self._kernel(signal, tuple(part), False)
        return functional.avg_pool2d(signal, 2) if pool else signal

    def _key(self, block: Block) -> int:
        """The same for neighbours that run together."""
        own = id(block.bias)
        return own if own in self._alone else 0
