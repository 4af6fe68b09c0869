"""What a block computes, whichever kernel computes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Padding = Literal["zeros", "circular"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """BatchNorm after a convolution (Ioffe and Szegedy, 2015), one entry a channel.

    Attributes:
        gamma: Scale, [out_channels].
        beta: Shift, [out_channels].
        running_mean: Of the batches seen, [out_channels].
        running_var: The same, of their unbiased variances.
        momentum: Share of the newest batch in the running statistics, 0 to 1.
        eps: Added to the variance under the root.
        uses_batch: Normalise with the mean and biased variance of this batch over
            images and pixels, and differentiate through them; with the running
            ones, as constants, otherwise.
        updates_running: Let this batch move the running statistics, in place.
    """

    gamma: Tensor
    beta: Tensor
    running_mean: Tensor
    running_var: Tensor
    momentum: float = 0.1
    eps: float = 1e-5
    uses_batch: bool = True
    updates_running: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupNorm:
    """Normalises groups of an image's channels (Wu and He, 2018); no batch is needed.

    Attributes:
        num_groups: Of channels, which they divide; 1 is LayerNorm over an image.
        gamma: Scale, [out_channels].
        beta: Shift, [out_channels].
    """

    num_groups: int
    gamma: Tensor
    beta: Tensor
    eps: float = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """activation(norm(conv(x))), plus x where `adds_input` is set.

    Attributes:
        weight: [out_channels, in_channels, 3, 3]; stride 1, padding 1.
        bias: [out_channels].
        norm: None leaves it out.
        activation: A key of `kernels.reference.ACTIVATIONS`, or `leaky_relu`.
        adds_input: Adds the block's input; in and out channels agree then.
        factor: [], multiplies what the input is added to; None for 1.
        slopes: Of `leaky_relu`, above and below 0.
        padding: What lies around the image: zeros, or its opposite edge.
        gate: Weight and bias of a second convolution, whose sigmoid t weighs the block
            and its input: t f(x) + (1 - t) x (Srivastava et al., "Highway networks",
            2015, equation 3).
    """

    weight: Tensor
    bias: Tensor
    norm: Norm | GroupNorm | None
    activation: str
    adds_input: bool
    factor: Tensor | None = None
    slopes: tuple[float, float] = (1.0, 0.0)
    padding: Padding = "zeros"
    gate: tuple[Tensor, Tensor] | None = None


# One after the other, then 2x2 average pooling if `pool` is set: images
# [N, in_channels, H, W] to [N, out_channels, H, W] or [N, out_channels, H//2, W//2].
# Gradients reach the signal, every weight, bias, gamma and beta. A run of blocks and
# not a single one, because a block's normalisation and activation cost least where
# the next block reads its input.
ConvBlocks = Callable[[Tensor, Sequence[Block], bool], Tensor]
