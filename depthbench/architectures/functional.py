"""Networks written as a function over a list of tensors. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from depthbench.architectures.layers.functional import Forward


def functional_net(forward: Forward, parameters: Sequence[Tensor]) -> nn.Module:
    """What a builder returns for a network that is a function and a list of tensors.

    The architecture has to declare `num_weight_layers`: a function's layers cannot be
    counted.

    Args:
        forward: `forward(images, parameters)` gives the logits [N, num_classes] of
            images [N, C, H, W], or a tuple of them, one per head. It must use the
            parameters it is given, which are on the images' device; it is called in
            training and evaluation alike.
        parameters: Tensors of floats, each trained, with or without `requires_grad`.
            They are copied, and never changed themselves.

    Raises:
        TypeError: If `forward` cannot be called or a parameter is no tensor of floats.
    """
    from depthbench.architectures.layers.functional import FunctionalNet

    return FunctionalNet(forward, parameters)
