"""Blocks of dense layers with LayerNorm and swish, and a way around each block."""

import math

from torch import nn

from depthbench.architectures.layers.residual import Residual

NUM_IN_BLOCK = 4


def residual_mlp(
    num_blocks: int, width: int, *, image_shape: tuple[int, int, int], num_classes: int
) -> nn.Sequential:
    """A first layer, blocks of four with an identity around each, linear to logits."""

    def layer(num_inputs: int) -> tuple[nn.Module, ...]:
        return nn.Linear(num_inputs, width), nn.LayerNorm(width), nn.SiLU()

    def block() -> nn.Module:
        layers = (part for _ in range(NUM_IN_BLOCK) for part in layer(width))
        return Residual(nn.Sequential(*layers))

    return nn.Sequential(
        nn.Flatten(),
        *layer(math.prod(image_shape)),
        *(block() for _ in range(num_blocks)),
        nn.Linear(width, num_classes),
    )
