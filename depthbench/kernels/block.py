"""What a block computes, whichever kernel computes it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


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
class Block:
    """activation(norm(conv(x))), plus x where `adds_input` is set.

    Attributes:
        weight: [out_channels, in_channels, 3, 3]; stride 1, padding 1 with zeros.
        bias: [out_channels].
        norm: None leaves it out.
        activation: A key of `kernels.reference.ACTIVATIONS`.
        adds_input: Adds the block's input; in and out channels agree then.
    """

    weight: Tensor
    bias: Tensor
    norm: Norm | None
    activation: str
    adds_input: bool


# One after the other, then 2x2 average pooling if `pool` is set: images
# [N, in_channels, H, W] to [N, out_channels, H, W] or [N, out_channels, H//2, W//2].
# Gradients reach the signal, every weight, bias, gamma and beta. A run of blocks and
# not a single one, because a block's normalisation and activation cost least where
# the next block reads its input.
ConvBlocks = Callable[[Tensor, Sequence[Block], bool], Tensor]
