"""Stacks of 3x3 convolutions, described by their ingredients. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from depthbench.architectures.definition import Architecture, Description
from depthbench.architectures.initializers import promises_initial_loss
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

Activation = Literal[
    "tanh", "sigmoid", "elu", "relu", "gelu", "silu", "selu", "identity"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack(Description):
    """A stack of k 3x3 convolutions in equal stages, 2x2 average pooling after each.

    k is exactly the number of convolutions and a multiple of the number of stages.

    Attributes:
        name: What `--arch` calls it.
        activation: Follows the convolution, and the norm if there is one.
        batch_norm: BatchNorm between convolution and activation.
        skip: Adds the block's input to its output where their shapes agree.
        multihead: A linear head after every stage; one after the last otherwise.
        initializer: Rule of the convolutions' weights; the heads have PyTorch's own.
        lr: Learning rate of SGD unless a study gives one.
        channels: Of each stage.
        source: Where it comes from.
        reference: The notebook's own answer (trains, fails), where it has one.
    """

    activation: Activation
    batch_norm: bool = False
    skip: bool = False
    multihead: bool = False
    initializer: str = "fan_out"
    lr: float = 0.05
    channels: tuple[int, ...] = (4, 8, 16)
    reference: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        # A dataclass with slots is made anew, so that super() would not know it.
        Description.__post_init__(self)
        allowed = get_args(Activation)
        if self.activation not in allowed:
            raise ValueError(
                f"{self.name}: activation = {self.activation!r}: "
                f"one of {', '.join(allowed)}"
            )

    @property
    def summary(self) -> str:
        """The block in a few words: "conv, BN, ELU + x; init fan_out"."""
        names = {"elu": "ELU", "relu": "ReLU", "gelu": "GELU", "silu": "SiLU"}
        block = ["conv"] + ["BN"] * self.batch_norm
        block.append(names.get(self.activation, self.activation))
        skip = ", + x" if self.skip else ""
        heads = f", {len(self.channels)} heads" if self.multihead else ""
        return f"{', '.join(block)}{skip}{heads}; init {self.initializer}"

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network with `depth` convolutions, its weights drawn from `generator`."""
        from depthbench.architectures.layers.conv_stack import (
            BlockKind,
            ConvStackNet,
        )
        from depthbench.architectures.layers.initializers import draw_weights

        net = ConvStackNet(
            depth,
            BlockKind(
                activation=self.activation,
                batch_norm=self.batch_norm,
                skip=self.skip,
            ),
            channels=self.channels,
            multihead=self.multihead,
            image_shape=image_shape,
            num_classes=num_classes,
        )
        draw_weights(net, self.initializer, generator, heads=net.heads)
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        stages = len(self.channels)
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=stages, step=stages),
            summary=self.summary,
            source=self.source,
            has_train_mode=self.batch_norm,
            num_weight_layers=_convolutions_and_head,
            allows_channels_last=True,
            promises_initial_loss=promises_initial_loss(self.initializer),
            description=self,
            reference=self.reference,
        )


def stack_of(architecture: Architecture) -> Stack | None:
    """The stack that an architecture was made from, if it was made from one."""
    description = architecture.description
    return description if isinstance(description, Stack) else None


def _convolutions_and_head(depth: int) -> int:
    return depth + 1
