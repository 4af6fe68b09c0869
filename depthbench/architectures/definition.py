"""What an architecture is, and the two ways to define one. Imports no torch.

A `Description` says what a network consists of; `architecture` turns any function that
builds an `nn.Module` into one. Both are plain values: a file defines them, and whoever
reads the file collects them. Nothing is registered on import.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from depthbench.architectures.initializers import canonical
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

    from depthbench.architectures.plugin_file import PluginFile

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

        It may return a tuple of logits, one per head, shallowest first; the loss is
        then the mean of their cross entropies. `generator` is for weights drawn
        explicitly; torch's global generators are seeded too. An architecture that
        `reads_images` is given them, too: see there.
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
            weights drawn larger on purpose; `depthbench check` then only reports it.
        intended: Names of checks whose complaint is meant to be, as "derivatives" for
            surrogate gradients; `depthbench check` and a run let it pass.
        reads_images: Whether `build` takes `images`, too, for weights that depend on
            data: those of one batch, the first training images of the trial, float32
            [N, C, H, W], normalised as it says; never test images. Which they are
            follows from the trial's data set, batch size, normalisation and number of
            training images, so that its identity knows. `check` and `show`, which look
            at no data set, give standard normal noise.
        description: What it was made from, if it was no function.
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
    intended: tuple[str, ...] = ()
    reads_images: bool = False
    description: Description | None = None
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

    @property
    def initializer(self) -> str | None:
        """Rule of its initial weights; None where only its builder knows it."""
        return self.description.initializer if self.description else None

    def with_initializer(self, initializer: str | None) -> Architecture:
        """The same with other initial weights; None keeps its own.

        Args:
            initializer: A name in `architectures.initializers`.

        Raises:
            ValueError: If there is no such rule, or its builder alone draws weights.
        """
        if initializer is None or initializer == self.initializer:
            return self
        if self.description is None:
            raise ValueError(
                f"init = {initializer!r}: {self.name} is built by a function, which "
                "draws its weights itself; leave init out"
            )
        other = replace(self.description, initializer=initializer).to_architecture()
        return replace(
            self,
            build=other.build,
            summary=other.summary,
            promises_initial_loss=other.promises_initial_loss,
            description=other.description,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Description(ABC):
    """What a network consists of, in place of a function that builds it.

    Attributes:
        name: What `--arch` calls it.
        initializer: Rule of the initial weights, a name in
            `architectures.initializers`; each description says which layers have it.
        lr: Learning rate unless a study gives one.
        source: Where it comes from.
    """

    name: str
    initializer: str
    lr: float
    source: str = ""

    def __post_init__(self) -> None:
        try:
            name = canonical(self.initializer)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None
        object.__setattr__(self, "initializer", name)

    @abstractmethod
    def to_architecture(self) -> Architecture:
        """The architecture this describes."""


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
    intended: Sequence[str] = (),
    reads_images: bool = False,
) -> Callable[[Builder], Architecture]:
    """Decorator: an architecture from a function that builds an `nn.Module`.

    The depths are start, start + step, ... `has_train_mode=False` says that train
    and evaluation mode are the same, so that protocols share trials. For
    `promises_initial_loss`, `intended`, `reads_images` and `num_weight_layers`, which a
    `functional_net` needs, see `Architecture`.
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
            intended=tuple(intended),
            reads_images=reads_images,
        )

    return decorate
