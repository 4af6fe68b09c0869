"""The baseline: training the same networks with PyTorch's own parts and nothing else.

What depthbench is measured against, for speed (`depthbench bench`) and for its answer
(`depthbench witness`); nothing else uses it. It is kept as such code is usually
written, and is never made slower: modules of `torch.nn`, a `DataLoader` that
transforms every image, `.item()` at each step, weights and order from the global
generator, and no switch of PyTorch or of the process changed.
"""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from depthbench.architectures.stack import Stack

Batches = Iterable[tuple[Tensor, Tensor]]

ACTIVATIONS = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "elu": nn.ELU,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
    "identity": nn.Identity,
}


def sigma(initializer: str, conv: nn.Conv2d) -> float:
    """Standard deviation of a convolution's weights at the start.

    Raises:
        ValueError: If no built-in stack begins with it.
    """
    area = conv.kernel_size[0] * conv.kernel_size[1]
    if initializer == "fan_in":
        return math.sqrt(1 / (area * conv.in_channels))
    if initializer == "fan_out":
        return math.sqrt(1 / (area * conv.out_channels))
    if initializer == "normal_0.05":
        return 0.05
    raise ValueError(f"initializer = {initializer!r}: unknown to the baseline")


class Residual(nn.Module):
    """block(x) + x."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x."""
        out: Tensor = self.block(x) + x
        return out


def make_block(stack: Stack, in_channels: int, out_channels: int) -> nn.Module:
    """Convolution, BatchNorm and activation, with a skip where shapes agree."""
    layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, 3, padding=1)]
    if stack.batch_norm:
        layers.append(nn.BatchNorm2d(out_channels))
    layers.append(ACTIVATIONS[stack.activation]())
    block = nn.Sequential(*layers)
    if stack.skip and in_channels == out_channels:
        return Residual(block)
    return block


class Net(nn.Module):
    """Three stages of `depth` / 3 blocks, each ending in average pooling."""

    def __init__(
        self,
        stack: Stack,
        depth: int,
        image_shape: tuple[int, int, int],
        num_classes: int,
    ) -> None:
        super().__init__()
        self.multihead = stack.multihead
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        in_channels, height, width = image_shape
        for out_channels in stack.channels:
            layers: list[nn.Module] = []
            for _ in range(depth // len(stack.channels)):
                layers.append(make_block(stack, in_channels, out_channels))
                in_channels = out_channels
            self.stages.append(nn.Sequential(*layers, nn.AvgPool2d(2)))
            height, width = height // 2, width // 2
            if stack.multihead or len(self.stages) == len(stack.channels):
                self.heads.append(nn.Linear(out_channels * height * width, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data.normal_(0, sigma(stack.initializer, module))
                assert module.bias is not None
                module.bias.data.zero_()

    def forward(self, x: Tensor) -> list[Tensor]:
        """The logits of each head."""
        if not self.multihead:
            for stage in self.stages:
                x = stage(x)
            return [self.heads[0](x.flatten(1))]
        logits = []
        for stage, head in zip(self.stages, self.heads, strict=True):
            x = stage(x)
            logits.append(head(x.flatten(1)))
        return logits


class Images(Dataset[tuple[Tensor, int]]):
    """Images and labels as the data sets of torchvision give them out.

    Args:
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        transform: From a PIL image to what a network reads.
    """

    def __init__(
        self, images: Tensor, labels: Tensor, transform: transforms.Compose
    ) -> None:
        is_grey = images.shape[1] == 1
        self.data = images[:, 0] if is_grey else images.permute(0, 2, 3, 1)
        self.targets = labels
        self.transform = transform

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """The transformed image and its label."""
        image = Image.fromarray(self.data[index].numpy())
        return self.transform(image), int(self.targets[index])

    def __len__(self) -> int:
        return len(self.data)


def make_loader(
    images: Tensor,
    labels: Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    batch_size: int,
    *,
    shuffle: bool,
) -> "DataLoader[tuple[Tensor, Tensor]]":
    """Batches of normalised images."""
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(mean, std)]
    )
    dataset = Images(images, labels, transform)
    # Typed by its items; it gives out batches of them.
    return DataLoader(dataset, batch_size, shuffle=shuffle)  # type: ignore[arg-type]


def train(
    model: Net, batches: Batches, optimizer: torch.optim.Optimizer, device: str
) -> tuple[float, float]:
    """One epoch; its mean loss, and the accuracy of the last head.

    It ends at a loss that is NaN or infinite, which is then what it returns.
    """
    model.train()
    total_loss, correct, seen = 0.0, 0.0, 0
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)  # noqa: PLW2901
        optimizer.zero_grad()
        heads = model(images)
        losses = [F.cross_entropy(logits, labels) for logits in heads]
        loss = sum(losses[1:], losses[0]) / len(losses)
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(labels)
        if not math.isfinite(total_loss):
            return math.nan, 0.0
        correct += (heads[-1].argmax(1) == labels).sum().item()
        seen += len(labels)
    return total_loss / seen, correct / seen


@torch.no_grad()
def test(model: Net, batches: Batches, device: str) -> tuple[float, float]:
    """Mean loss of the last head and its accuracy, in evaluation mode."""
    model.eval()
    total_loss, correct, seen = 0.0, 0.0, 0
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)  # noqa: PLW2901
        logits = model(images)[-1]
        total_loss += F.cross_entropy(logits, labels, reduction="sum").item()
        correct += (logits.argmax(1) == labels).sum().item()
        seen += len(labels)
    return total_loss / seen, correct / seen
