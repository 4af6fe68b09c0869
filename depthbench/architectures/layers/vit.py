"""Transformer blocks on the patches of an image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from depthbench.architectures.layers.sizes import check_size

if TYPE_CHECKING:
    from depthbench.architectures.vit import Residuals

PATCH, WIDTH, NUM_HEADS, MLP_RATIO = 7, 32, 4, 4
_POSITION_DEVIATION = 0.02


class Attention(nn.Module):
    """out(softmax(q k^T / sqrt(width of a head)) v), each head apart.

    The keys have no bias, which softmax would take out again.

    Source: Vaswani et al., "Attention is all you need", 2017, section 3.2.
    """

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """[N, tokens, width], the same shape."""

        def heads(y: Tensor) -> Tensor:
            apart: Tensor = y.unflatten(2, (NUM_HEADS, -1))
            return apart.transpose(1, 2)

        query, key, value = (
            heads(layer(x)) for layer in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(WIDTH // NUM_HEADS)
        mixed: Tensor = scores.softmax(-1) @ value
        projected: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return projected


class Mlp(nn.Module):
    """fc2(GELU(fc1(x)))."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, MLP_RATIO * WIDTH)
        self.fc2 = nn.Linear(MLP_RATIO * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """[N, tokens, width], the same shape."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return out


class VitBlock(nn.Module):
    """Attention, then the MLP, each added as `Residuals` says.

    Args:
        residuals: Of all blocks.
        depth: Their number.
        is_first: Whether it is the first of them.
    """

    def __init__(self, residuals: Residuals, depth: int, *, is_first: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList([Attention(), Mlp()])
        self.skips = [residuals.skip(depth)] * 2
        places = [residuals.norm] * 2
        if residuals.norm == "both" and is_first:
            self.skips[0], places[0] = 1.0, "pre"
        self.before = nn.ModuleList(_norm(p in ("pre", "both")) for p in places)
        self.after = nn.ModuleList(_norm(p in ("post", "both")) for p in places)
        self.factor: Tensor | float
        if residuals.branch is None:
            self.factor = nn.Parameter(torch.zeros(()))
        else:
            self.factor = residuals.branch(depth)

    def forward(self, x: Tensor) -> Tensor:
        """[N, tokens, width], the same shape."""
        for branch, skip, before, after in zip(
            self.branches, self.skips, self.before, self.after, strict=True
        ):
            x = after(skip * x + self.factor * branch(before(x)))
        return x


def _norm(is_there: bool) -> nn.Module:
    return nn.LayerNorm(WIDTH) if is_there else nn.Identity()


class VitNet(nn.Module):
    """Patches to tokens, positions, blocks, the mean over tokens, linear.

    Args:
        depth: Number of blocks.
        residuals: How they add their branches.
        image_shape: Channels, height and width of an image.
        num_classes: Of the logits.

    Raises:
        ValueError: If the image is smaller than one patch.
    """

    def __init__(
        self,
        depth: int,
        residuals: Residuals,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
    ) -> None:
        super().__init__()
        check_size(image_shape, PATCH)
        channels, height, width = image_shape
        num_tokens = (height // PATCH) * (width // PATCH)
        self.patches = nn.Linear(channels * PATCH**2, WIDTH)
        self.positions = nn.Parameter(torch.zeros(num_tokens, WIDTH))
        self.blocks = nn.Sequential(
            *(VitBlock(residuals, depth, is_first=n == 0) for n in range(depth))
        )
        self.norm = _norm(residuals.norm == "pre")
        self.head = nn.Linear(WIDTH, num_classes)

    @torch.no_grad()
    def draw_positions(self, generator: Generator) -> None:
        """Normal, of a small deviation; on the meta device nothing is drawn."""
        if not self.positions.is_meta:
            drawn = torch.empty(self.positions.shape, device="cpu")
            drawn.normal_(0.0, _POSITION_DEVIATION, generator=generator)
            self.positions.copy_(drawn)

    @torch.no_grad()
    def scale_weights(self, factor: float) -> None:
        """Multiply those of v, out, fc1 and fc2 in every block."""
        for part in self.modules():
            if isinstance(part, Attention):
                part.value.weight.mul_(factor)
                part.out.weight.mul_(factor)
            elif isinstance(part, Mlp):
                part.fc1.weight.mul_(factor)
                part.fc2.weight.mul_(factor)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] to logits [N, num_classes]."""
        patches = functional.unfold(images, PATCH, stride=PATCH).transpose(1, 2)
        tokens = self.patches(patches) + self.positions
        tokens = self.norm(self.blocks(tokens))
        logits: Tensor = self.head(tokens.mean(1))
        return logits
