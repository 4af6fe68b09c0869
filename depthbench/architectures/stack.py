"""Stacks of 3x3 convolutions, described by their ingredients. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from depthbench.architectures.definition import Architecture, Description
from depthbench.architectures.initializers import promises_initial_loss
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

Activation = Literal[
    "tanh", "sigmoid", "elu", "relu", "gelu", "silu", "selu", "identity", "leaky_relu"
]
Branch = Literal["plain", "sqrt", "learned"]
# Fields that add an ingredient to convolution, BatchNorm, activation and shortcut.
INGREDIENTS = (
    "group_norm",
    "gamma",
    "standardized",
    "branch",
    "gated",
    "circular",
    "unit_variance",
)
_NAMES = {"elu": "ELU", "relu": "ReLU", "gelu": "GELU", "silu": "SiLU", "selu": "SELU"}
_NAMES["leaky_relu"] = "leaky ReLU (TAT)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack(Description):
    """A stack of k 3x3 convolutions in equal stages, 2x2 average pooling after each.

    k is exactly the number of convolutions and a multiple of the number of stages.

    Attributes:
        name: What `--arch` calls it.
        activation: Follows the convolution, and the norm if there is one. `leaky_relu`
            has the slope that tailored activation transformation gives it at this
            depth: see `layers.tailored`.
        batch_norm: BatchNorm between convolution and activation.
        skip: Adds the block's input to its output where their shapes agree.
        multihead: A linear head after every stage; one after the last otherwise.
        initializer: Rule of the convolutions' weights; the heads have PyTorch's own.
        lr: Learning rate of SGD unless a study gives one.
        channels: Of each stage.
        group_norm: Groups of channels of a GroupNorm in place of BatchNorm (Wu and He,
            "Group normalization", 2018); 0 for none, 1 for LayerNorm over an image.
        gamma: Scale of the norms at the start.
        standardized: Scaled weight standardisation (Brock et al., "Characterizing
            signal propagation to close the performance gap in unnormalized ResNets",
            2021, equation 1): (W - mean) / sqrt((variance + 1e-6) fan_in) for each
            output channel, times a learned gain and 1 / deviation of the activation's
            output for normal input.
        branch: What the branch beside a shortcut is multiplied by: 1; 1/sqrt(L), where
            L is the number of blocks with a shortcut (Marion et al., "Scaling ResNets
            in the large-depth regime", 2025); or a learned number a block that starts
            at 0 (De and Smith, "Batch normalization biases residual blocks towards the
            identity function", 2020).
        gated: A second convolution in each block whose shape allows it, with biases of
            -2, weighs the block and its input: see `kernels.block.Block`.
        circular: The image's opposite edges meet; zeros lie around it otherwise.
        unit_variance: Each convolution's weights are divided by the deviation of its
            output on one batch of training images until that is 1 to within 0.1, at
            most ten times (Mishkin and Matas, "All you need is a good init", 2016,
            algorithm 1).
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
    group_norm: int = 0
    gamma: float = 1.0
    standardized: bool = False
    branch: Branch = "plain"
    gated: bool = False
    circular: bool = False
    unit_variance: bool = False
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
        if self.group_norm and any(c % self.group_norm for c in self.channels):
            raise ValueError(
                f"{self.name}: group_norm = {self.group_norm}: a number of groups that "
                f"divides each of the channels {self.channels}"
            )
        if self.branch != "plain" and not self.skip:
            raise ValueError(f"{self.name}: branch = {self.branch}: needs skip = True")

    @property
    def summary(self) -> str:
        """The block in a few words: "conv, BN, ELU + x; init fan_out"."""
        conv = "standardised conv" if self.standardized else "conv"
        gamma = "" if self.gamma == 1 else f" (gamma {self.gamma:g})"
        groups = {0: "", 1: "LN"}.get(self.group_norm, f"GN {self.group_norm}")
        norm = groups or "BN" * self.batch_norm
        block = [f"circular {conv}" if self.circular else conv]
        block += [f"{norm}{gamma}"] * bool(norm)
        block.append(_NAMES.get(self.activation, self.activation))
        block += ["gate"] * self.gated
        factor = {"plain": "", "sqrt": " x 1/sqrt(L)", "learned": " x a"}[self.branch]
        skip = f"{factor}, + x" if self.skip else ""
        heads = f", {len(self.channels)} heads" if self.multihead else ""
        lsuv = ", unit variance" * self.unit_variance
        return f"{', '.join(block)}{skip}{heads}; init {self.initializer}{lsuv}"

    def num_shortcuts(self, depth: int, in_channels: int) -> int:
        """Blocks of a network whose input and output have equally many channels."""
        widths = (in_channels, *self.channels)
        num_same = sum(into == out for into, out in pairwise(widths))
        return depth - len(self.channels) + num_same

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
        images: Tensor | None = None,
    ) -> nn.Module:
        """The network with `depth` convolutions, its weights drawn from `generator`.

        `images` are for `unit_variance`: see `Architecture.reads_images`.
        """
        from depthbench.architectures.layers.conv_stack import (
            BlockKind,
            ConvStackNet,
        )
        from depthbench.architectures.layers.initializers import draw_weights
        from depthbench.architectures.layers.tailored import slopes
        from depthbench.architectures.layers.unit_variance import to_unit_variance

        is_leaky = self.activation == "leaky_relu"
        num_shortcuts = self.num_shortcuts(depth, image_shape[0])
        net = ConvStackNet(
            depth,
            BlockKind(
                activation=self.activation,
                batch_norm=self.batch_norm,
                skip=self.skip,
                group_norm=self.group_norm,
                gamma=self.gamma,
                standardized=self.standardized,
                factor={
                    "plain": None,
                    "sqrt": 1 / math.sqrt(max(1, num_shortcuts)),
                    "learned": 0.0,
                }[self.branch],
                learns_factor=self.branch == "learned",
                gated=self.gated,
                padding="circular" if self.circular else "zeros",
                slopes=slopes(depth) if is_leaky else (1.0, 0.0),
            ),
            channels=self.channels,
            multihead=self.multihead,
            image_shape=image_shape,
            num_classes=num_classes,
        )
        draw_weights(net, self.initializer, generator, heads=net.heads)
        net.close_gates()
        if self.unit_variance:
            to_unit_variance(net, images)
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
            reads_images=self.unit_variance,
            description=self,
            reference=self.reference,
        )


def stack_of(architecture: Architecture) -> Stack | None:
    """The stack that an architecture was made from, if it was made from one."""
    description = architecture.description
    return description if isinstance(description, Stack) else None


def _convolutions_and_head(depth: int) -> int:
    return depth + 1
