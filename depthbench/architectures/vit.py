"""Small vision transformers that differ in how a block's branches are added.

k is the number N of transformer blocks, each of two branches: attention and an MLP.
There are 4 N + 2 weight layers on the longest path: value, output and the two of the
MLP in each block, the patches' and the classifier.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from depthbench.architectures.definition import Architecture, Description
from depthbench.spec import DepthGrid

if TYPE_CHECKING:
    from torch import Generator, nn

# After the sum; before the branch, and once before the classifier; or both, but the
# first branch, and with the latter none (see `Residuals`).
NormPlace = Literal["none", "post", "pre", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """How a branch f is added: norm(skip x + branch f(norm(x))).

    Attributes:
        norm: Where LayerNorm stands. With `both`, the first branch of all is added
            without factor and norm behind it.
        skip: Factor of x, from N.
        branch: Factor of f from N; None for a learned one that starts at 0, one number
            a block.
        weights: Factor, from N, of the initial weights of v, out, fc1 and fc2.
    """

    norm: NormPlace
    skip: Callable[[int], float]
    branch: Callable[[int], float] | None
    weights: Callable[[int], float]


def _one(_: int) -> float:
    return 1.0


RESIDUALS = {
    "post_ln": Residuals(norm="post", skip=_one, branch=_one, weights=_one),
    "pre_ln": Residuals(norm="pre", skip=_one, branch=_one, weights=_one),
    "deepnorm": Residuals(
        norm="post",
        skip=lambda n: (2 * n) ** 0.25,
        branch=_one,
        weights=lambda n: (8 * n) ** -0.25,
    ),
    "keel": Residuals(norm="both", skip=lambda n: 2 * n, branch=_one, weights=_one),
    "rezero": Residuals(norm="none", skip=_one, branch=None, weights=_one),
    "sqrt": Residuals(
        norm="none",
        skip=_one,
        branch=lambda n: 1 / math.sqrt(2 * n),
        weights=_one,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vit(Description):
    """Patches of 7x7, width 32, 4 heads, MLP of 128 with GELU, mean over tokens.

    Learned positions of deviation 0.02, no class token, no dropout; Xavier's uniform
    weights (Glorot and Bengio, 2010, equation 16), biases 0; q, k and v are drawn
    apart, and one seed gives all variants the same weights but for their factors.
    Pixels that no whole patch covers are not read.

    Source: Dosovitskiy et al., "An image is worth 16x16 words", 2021; the learning rate
    is one of Adam.

    Attributes:
        residuals: A key of `RESIDUALS`.
    """

    residuals: str
    initializer: str = "xavier"
    lr: float = 1e-3

    def build(
        self,
        depth: int,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        generator: Generator,
    ) -> nn.Module:
        """The network of `depth` blocks, its weights drawn from `generator`."""
        from depthbench.architectures.layers.initializers import draw_weights
        from depthbench.architectures.layers.vit import VitNet

        net = VitNet(
            depth,
            RESIDUALS[self.residuals],
            image_shape=image_shape,
            num_classes=num_classes,
        )
        draw_weights(net, self.initializer, generator)
        net.draw_positions(generator)
        net.scale_weights(RESIDUALS[self.residuals].weights(depth))
        return net

    def to_architecture(self) -> Architecture:
        """The architecture this describes."""
        return Architecture(
            name=self.name,
            build=self.build,
            lr=self.lr,
            grid=DepthGrid(start=2, step=2),
            summary=f"attention, MLP; {self.residuals}; init {self.initializer}",
            source=self.source,
            has_train_mode=False,
            num_weight_layers=_num_weight_layers,
            promises_initial_loss=False,
            description=self,
        )


def _num_weight_layers(depth: int) -> int:
    return 4 * depth + 2


_SOURCES = {
    "post_ln": 'Vaswani et al., "Attention is all you need", 2017',
    "pre_ln": 'Xiong et al., "On layer normalization in the transformer architecture", '
    "2020",
    "deepnorm": 'Wang et al., "DeepNet: scaling transformers to 1,000 layers", 2022',
    "keel": "Keel: post-LN with a scaled shortcut, arXiv 2601.19895, 2026",
    "rezero": 'Bachlechner et al., "ReZero is all you need", 2021',
    "sqrt": 'Marion et al., "Scaling ResNets in the large-depth regime", 2025; '
    "L = 2 N branches",
}

VITS = tuple(
    Vit(name=f"vit_{residuals}", residuals=residuals, source=source)
    for residuals, source in _SOURCES.items()
)
