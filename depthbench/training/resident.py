"""A whole data set as tensors on the device that trains on it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from depthbench.datasets.image_data import ImageData, num_trained_on
from depthbench.record import Chance
from depthbench.spec import TrialSpec


@dataclass(frozen=True, slots=True)
class Split:
    """Images, uint8 [N, C, H, W], and labels, int64 [N], on one device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def constant_error(self) -> float:
        """Share of the images that are not of the largest class."""
        return 1 - int(self.labels.bincount().max()) / len(self)

    def __getitem__(self, part: slice) -> "Split":
        """Some of the images; no copy."""
        return Split(self.images[part], self.labels[part])


@dataclass(frozen=True, slots=True)
class ResidentData:
    """A data set on a device, normalised batch by batch.

    Attributes:
        mean: Per channel, [1, C, 1, 1], of pixels as fractions of 255.
        std: The same, of the standard deviation.
        num_classes: Labels are below it.
        validation: Training images held out, tested on as the test images are; None
            for none.
        memory_format: Order of the dimensions of normalised images in memory.
    """

    train: Split
    test: Split
    mean: Tensor
    std: Tensor
    num_classes: int
    validation: Split | None = None
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

    def under(self, spec: TrialSpec) -> "ResidentData":
        """The part of a whole data set that a trial trains on, normalised as it says.

        Mean and deviation stay those of the whole training set. Copies no image.

        Raises:
            TooFewImagesError: If there are fewer training images than it asks for.
        """
        num_images, num_held = len(self.train), spec.num_validation
        number = num_trained_on(
            spec.data,
            num_images,
            num_validation=num_held,
            train_limit=spec.train_limit,
        )
        own = replace(
            self,
            train=self.train[:number],
            validation=self.train[num_images - num_held :] if num_held else None,
        )
        if spec.normalization == "data":
            return own
        half = torch.full_like(self.mean, 0.5)
        return replace(own, mean=half, std=half)

    @property
    def chance(self) -> Chance:
        """What always answering alike reaches at best."""
        shares = self.train.labels.bincount().double() / len(self.train)
        held = self.validation
        return Chance(
            train_loss=float(torch.special.entr(shares).sum()),
            train_error=self.train.constant_error,
            test_error=self.test.constant_error,
            validation_error=None if held is None else held.constant_error,
        )

    def normalized(self, images: Tensor) -> Tensor:
        """Float32 images; of the whole training set, mean 0 and deviation 1.

        Or from -1 to 1, for a trial that normalises by one half.
        """
        fractions = images.to(torch.float32).div_(255.0)
        scaled = fractions.sub_(self.mean).div_(self.std)
        return scaled.contiguous(memory_format=self.memory_format)
