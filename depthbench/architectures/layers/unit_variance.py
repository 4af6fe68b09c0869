"""Weights scaled by what one batch makes of them."""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from depthbench.architectures.layers.conv_stack import ConvBlock, ConvStackNet

_TOLERANCE, _MOST_TIMES = 0.1, 10


@torch.no_grad()
def to_unit_variance(net: ConvStackNet, images: Tensor | None) -> None:
    """Divide each convolution's weights by the deviation of its output on a batch.

    From the image on, each until the deviation over images, channels and pixels is 1 to
    within 0.1, at most ten times.

    Args:
        net: Changed in place; on the meta device, which has no values, not at all.
        images: Normalised, [N, C, H, W].

    Raises:
        ValueError: If there are none.

    Source: Mishkin and Matas, "All you need is a good init", 2016, algorithm 1 (LSUV);
    we leave the head, which has PyTorch's weights in all stacks.
    """
    if any(weight.is_meta for weight in net.parameters()):
        return
    if images is None:
        raise ValueError("initial weights of unit variance: build(..., images=) is due")
    signal = images.contiguous()
    for stage in net.stages:
        for module in stage.children():
            block = cast(ConvBlock, module)
            for _ in range(_MOST_TIMES):
                bare = replace(
                    block.block(),
                    norm=None,
                    activation="identity",
                    adds_input=False,
                    gate=None,
                )
                out = net.conv_blocks(signal, (bare,), False)
                deviation = out.std(correction=0)
                if abs(deviation - 1) < _TOLERANCE:
                    break
                block.conv.weight.div_(deviation)
            signal = net.conv_blocks(signal, (block.block(),), False)
        signal = functional.avg_pool2d(signal, 2)
