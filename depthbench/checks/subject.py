"""What the checks look at: an architecture, and a few images to run through it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.datasets.image_data import ImageData
from depthbench.training import ResidentData
from depthbench.training.batches import as_heads, head_losses
from depthbench.trial.look import same_draws
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
        digests_elsewhere: Of each tensor of the network of one depth and seed 0, as
            another process builds it; None where there is no other process.
    """

    architecture: Architecture
    images: Tensor
    labels: Tensor
    num_classes: int
    digests_elsewhere: Callable[[int], Mapping[str, str]] | None = None

    @classmethod
    def on(
        cls,
        architecture: Architecture,
        data: ImageData,
        digests_elsewhere: Callable[[int], Mapping[str, str]] | None = None,
    ) -> "Subject":
        """With 50 training images at equal distances, so that no class is missed."""
        resident = ResidentData.on("cpu", data)
        num = min(NUM_IMAGES, len(data.train_labels))
        chosen = torch.linspace(0, len(data.train_labels) - 1, num).long()
        images = resident.normalized(data.train_images[chosen])
        labels = data.train_labels[chosen]
        return cls(architecture, images, labels, data.num_classes, digests_elsewhere)

    @property
    def chance_loss(self) -> float:
        """Cross entropy, in nats, of the best answer that ignores the image."""
        shares = self.labels.bincount().double() / len(self.labels)
        return float(-(shares * shares.clamp_min(1e-300).log()).sum())

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def build(
        self, depth: int, seed: int = 0, *, entropy: tuple[int, ...] | None = None
    ) -> nn.Module:
        """The untrained network, as a trial of this seed builds it, in train mode.

        Args:
            depth: On the grid.
            seed: Of the trial.
            entropy: In place of that of the seed and depth.

        Raises:
            Exception: What a user's builder raises.
        """
        return built(
            self.architecture,
            depth,
            image_shape=self.image_shape,
            num_classes=self.num_classes,
            entropy=(seed, depth) if entropy is None else entropy,
        )


def built(
    architecture: Architecture,
    depth: int,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    entropy: tuple[int, ...],
) -> nn.Module:
    """The untrained network of a trial with this entropy, on the CPU, in train mode.

    Raises:
        Exception: What a user's builder raises.
    """
    with runtime.seeded_global_generators(*entropy, "modules"):
        net = bare_network(
            architecture,
            depth,
            image_shape=image_shape,
            num_classes=num_classes,
            entropy=entropy,
        )
    return net.train()


def logits(net: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """One tensor a head, shallowest first, for a copy of `images`.

    What is drawn on the way (a dropout) is the same at each call.
    """
    with same_draws():
        return as_heads(net(images.clone()))


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
    """The loss, and its gradient by each trained parameter; None where none arrives.

    By a backward pass as in training, which works under any kind of checkpointing.
    """
    parameters = trained_parameters(net)
    net.zero_grad()
    loss = loss_of(net, images, labels)
    if loss.requires_grad:
        loss.backward()
    found = {name: parameter.grad for name, parameter in parameters.items()}
    net.zero_grad()
    return loss.item(), found
