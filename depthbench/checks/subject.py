"""What the checks look at: an architecture, and a few images to run through it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.datasets.image_data import ImageData
from depthbench.training import ResidentData
from depthbench.training.batches import as_heads, head_losses
from depthbench.trial.network import bare_network

NUM_IMAGES = 50


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """An architecture and a batch; everything on the CPU, on the reference kernels.

    Attributes:
        architecture: Looked at.
        images: Normalised, float32 [N, C, H, W], N up to 50.
        labels: int64 [N].
        num_classes: Labels are below it.
    """

    architecture: Architecture
    images: Tensor
    labels: Tensor
    num_classes: int

    @classmethod
    def on(cls, architecture: Architecture, data: ImageData) -> "Subject":
        """With 50 training images at equal distances, so that no class is missed."""
        resident = ResidentData.on("cpu", data)
        num = min(NUM_IMAGES, len(data.train_labels))
        chosen = torch.linspace(0, len(data.train_labels) - 1, num).long()
        images = resident.normalized(data.train_images[chosen])
        return cls(architecture, images, data.train_labels[chosen], data.num_classes)

    def build(self, depth: int, seed: int = 0) -> nn.Module:
        """The untrained network, as a trial of this seed builds it, in train mode.

        Raises:
            Exception: What a user's builder raises.
        """
        channels, height, width = self.images.shape[1:]
        with runtime.seeded_global_generators(seed, depth, "modules"):
            net = bare_network(
                self.architecture,
                depth,
                image_shape=(channels, height, width),
                num_classes=self.num_classes,
                entropy=(seed, depth),
            )
        return net.train()


def logits(net: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """One tensor a head, shallowest first, for a copy of `images`.

    What is drawn on the way (a dropout) is the same at each call.
    """
    with same_draws():
        return as_heads(net(images.clone()))


@contextmanager
def same_draws() -> Iterator[None]:
    """The same numbers from torch's global generators inside each such block."""
    with runtime.seeded_global_generators(0, "draws of checks"):
        yield


def loss_of(net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """What is trained on: the mean over heads of their cross entropies, in nats."""
    return head_losses(logits(net, images), labels).mean()


def trained_parameters(net: nn.Module) -> dict[str, nn.Parameter]:
    """Those that are not frozen, by name."""
    return {
        name: parameter
        for name, parameter in net.named_parameters()
        if parameter.requires_grad
    }


@torch.no_grad()
def move_weights(net: nn.Module) -> None:
    """Add noise of deviation 0.01 to every parameter.

    At the initial weights of 0 some derivatives vanish (behind a last layer of zeros)
    or do not exist (a ReLU of exactly 0); nearby they do.
    """
    source = runtime.generator(0, "moves of checks")
    for parameter in net.parameters():
        noise = torch.randn(parameter.shape, generator=source, dtype=torch.float64)
        parameter.add_(0.01 * noise)


def gradients(
    net: nn.Module, images: Tensor, labels: Tensor
) -> tuple[float, dict[str, Tensor | None]]:
    """The loss, and its gradient by each trained parameter; None where none arrives."""
    parameters = trained_parameters(net)
    loss = loss_of(net, images, labels)
    if not loss.requires_grad:
        return loss.item(), dict.fromkeys(parameters)
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return loss.item(), dict(zip(parameters, found, strict=True))
