"""A whole data set as tensors on the device that trains on it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from depthbench.datasets.image_data import ImageData


@dataclass(frozen=True, slots=True)
class Split:
    """Images, uint8 [N, C, H, W], and labels, int64 [N], on one device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class ResidentData:
    """A data set on a device, normalised batch by batch.

    Attributes:
        mean: Per channel, [1, C, 1, 1], of pixels as fractions of 255.
        std: The same, of the standard deviation.
        num_classes: Labels are below it.
        memory_format: Order of the dimensions of normalised images in memory.
    """

    train: Split
    test: Split
    mean: Tensor
    std: Tensor
    num_classes: int
    memory_format: torch.memory_format = torch.contiguous_format

    @classmethod
    def on(cls, device: str, data: ImageData) -> "ResidentData":
        """The data set copied to `device` whole; bytes, so 47 MB for MNIST's."""

        def per_channel(values: tuple[float, ...]) -> Tensor:
            return torch.tensor(values, device=device).view(1, -1, 1, 1)

        return cls(
            train=Split(data.train_images.to(device), data.train_labels.to(device)),
            test=Split(data.test_images.to(device), data.test_labels.to(device)),
            mean=per_channel(data.mean),
            std=per_channel(data.std),
            num_classes=data.num_classes,
        )

    def normalized(self, images: Tensor) -> Tensor:
        """Float32 images of zero mean and unit deviation over the training set."""
        fractions = images.to(torch.float32).div_(255.0)
        scaled = fractions.sub_(self.mean).div_(self.std)
        return scaled.contiguous(memory_format=self.memory_format)
