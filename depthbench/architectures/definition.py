"""What an architecture is, and the two ways to describe one. Imports no torch.

A `Stack` describes a convolution stack by its ingredients; `architecture` turns any
function that builds an `nn.Module` into one. Both are plain values: a file defines
them, and whoever reads the file collects them. Nothing is registered on import.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, cast, get_args

from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

    from depthbench.architectures.plugin_file import PluginFile

Activation = Literal["tanh", "elu", "relu", "gelu", "silu", "selu", "identity"]
InitializerName = Literal["normal_0.05", "fan_in", "fan_out"]


DEFAULT_GRID = DepthGrid(start=3, step=3)


class Builder(Protocol):
    """Builds the network of one depth."""

    def __call__(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """A module from images [N, C, H, W] to logits [N, num_classes].

        It may return a tuple of logits, one a head, shallowest first; the loss is
        then the mean of their cross entropies. `generator` is for weights drawn
        explicitly; torch's global generators are seeded too.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A family of networks with a depth axis.

    Attributes:
        name: What `--arch` calls it.
        build: Builds one depth of it.
        lr: Learning rate of SGD unless a study gives one.
        grid: Depths that exist.
        summary: The block in a few words, for lists and reports.
        source: Where it comes from: a paper, a notebook, a file.
        has_train_mode: False if no layer behaves differently in train and evaluation
            mode; protocols that differ in that alone then share their trials.
        num_weight_layers: Weight layers from the image to the last head at a depth;
            None counts the convolutions and linear layers of the built network.
        allows_channels_last: Whether the network takes images in any order of their
            dimensions in memory. One that calls `view` does not.
        promises_initial_loss: Whether the untrained network of the smallest depth
            prefers no class, so that its loss is ln(classes) within 10 %. False for
            weights drawn larger on purpose; `depthbench check` then only tells it.
        stack: The description it was made from, if it was.
        reference: The notebook's own answer (trains, fails), where it has one.
        plugin_sha256: Hash of the user's files; None for a built-in.
        plugin_files: The user's files: the plugin first, then all that it imports or
            reads from outside installed packages.
    """

    name: str
    build: Builder
    lr: float
    grid: DepthGrid = DEFAULT_GRID
    summary: str = ""
    source: str = ""
    has_train_mode: bool = True
    num_weight_layers: Callable[[int], int] | None = None
    allows_channels_last: bool = False
    promises_initial_loss: bool = True
    stack: Stack | None = None
    reference: tuple[int, int] | None = None
    plugin_sha256: str | None = None
    plugin_files: tuple[PluginFile, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "_-." for c in self.name):
            raise ValueError(
                f"architecture name {self.name!r}: letters, digits, '_', '-' and '.'"
            )
        if not 0 < self.lr < math.inf:
            raise ValueError(f"{self.name}: lr = {self.lr}: a finite number above 0")

    def with_initializer(self, initializer: str | None) -> Architecture:
        """The same with another convolution initialiser; None keeps its own.

        Raises:
            ValueError: If it has no selectable initialiser, or not this one.
        """
        if initializer is None:
            return self
        if self.stack is None:
            raise ValueError(
                f"init = {initializer!r}: {self.name} has weights of its own and no "
                "selectable initialiser; only a Stack has one"
            )
        # Any text may come from a user; the description checks it.
        name = cast(InitializerName, initializer)
        stack = replace(self.stack, initializer=name)
        return replace(self, build=stack.build, summary=stack.summary, stack=stack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack of k 3x3 convolutions in equal stages, 2x2 average pooling after each.

    k is exactly the number of convolutions and a multiple of the number of stages.

    Attributes:
        name: What `--arch` calls it.
        activation: Follows the convolution, and the norm if there is one.
        batch_norm: BatchNorm between convolution and activation.
        skip: Adds the block's input to its output where their shapes agree.
        multihead: A linear head after every stage; one after the last otherwise.
        initializer: Standard deviation of the convolution weights: 0.05, or
            sqrt(1/(9 C)) with the input or output channels as C.
        lr: Learning rate of SGD unless a study gives one.
        channels: Of each stage.
        source: Where it comes from.
        reference: The notebook's own answer (trains, fails), where it has one.
    """

    name: str
    activation: Activation
    batch_norm: bool = False
    skip: bool = False
    multihead: bool = False
    initializer: InitializerName = "fan_out"
    lr: float = 0.05
    channels: tuple[int, ...] = (4, 8, 16)
    source: str = ""
    reference: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for what, allowed in (
            ("activation", get_args(Activation)),
            ("initializer", get_args(InitializerName)),
        ):
            if getattr(self, what) not in allowed:
                raise ValueError(
                    f"{self.name}: {what} = {getattr(self, what)!r}: "
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
            initialize,
        )
        from depthbench.architectures.layers.initializers import INITIALIZERS

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
        initialize(net, INITIALIZERS[self.initializer], generator)
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
            stack=self,
            reference=self.reference,
        )


def architecture(  # noqa: PLR0913 - every one is named at the call
    name: str,
    *,
    lr: float,
    start: int = 3,
    step: int = 3,
    summary: str = "",
    has_train_mode: bool = True,
    num_weight_layers: Callable[[int], int] | None = None,
    promises_initial_loss: bool = True,
) -> Callable[[Builder], Architecture]:
    """Decorator: an architecture from a function that builds an `nn.Module`.

    The depths are start, start + step, ... `has_train_mode=False` says that train
    and evaluation mode are the same, so that protocols share trials. For
    `promises_initial_loss` and `num_weight_layers`, which a `functional_net` needs, see
    `Architecture`.
    """

    def decorate(build: Builder) -> Architecture:
        return Architecture(
            name=name,
            build=build,
            lr=lr,
            grid=DepthGrid(start, step),
            summary=summary or (getattr(build, "__doc__", None) or "").split("\n")[0],
            has_train_mode=has_train_mode,
            num_weight_layers=num_weight_layers,
            promises_initial_loss=promises_initial_loss,
        )

    return decorate


def _convolutions_and_head(depth: int) -> int:
    return depth + 1
