"""An image data set as tensors, its checksum, and what can be wrong with it."""

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class DataError(Exception):
    """A data set cannot be used; the message says why and what to do about it."""


class DataMissingError(DataError):
    """The files of a data set are not there, or could not be got."""


class DataDamagedError(DataError):
    """The files are there, but are not the data set they should be."""


class TooFewImagesError(DataError, ValueError):
    """More images were asked for than there are."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageData:
    """A labelled image data set in memory; build it with `from_tensors`.

    Attributes:
        train_images: uint8 [N, C, H, W], contiguous, on the CPU.
        train_labels: int64 [N], each from 0 to `num_classes` - 1.
        test_images: As the training images, with the same C, H and W.
        test_labels: As the training labels.
        mean: Of the training pixels, per channel, as fractions of 255, rounded to
            4 decimals.
        std: The same, of their standard deviation (over N, not N - 1).
        sha256: In hexadecimal, over the four arrays in the order above; each
            contributes an ASCII line "name dtype shape" ("train_labels int64
            60000"; the shape's sizes joined by "x") and then its elements in C
            order, little-endian.
    """

    name: str
    train_images: "Tensor"
    train_labels: "Tensor"
    test_images: "Tensor"
    test_labels: "Tensor"
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str

    @classmethod
    def from_tensors(
        cls,
        name: str,
        train: tuple["Tensor", "Tensor"],
        test: tuple["Tensor", "Tensor"],
        num_classes: int,
    ) -> "ImageData":
        """The data set of these images and labels, checked and summarised.

        Args:
            name: As users write it.
            train: Images and labels, of the types and shapes of the attributes.
            test: The same.
            num_classes: How many classes the labels may name; not all need occur.

        Raises:
            DataDamagedError: If types, shapes or labels are not as the attributes
                say, or if a channel has the same value in every training pixel, so
                that it cannot be normalised.
        """
        _check_split("training", *train, num_classes)
        _check_split("test", *test, num_classes)
        if train[0].shape[1:] != test[0].shape[1:]:
            raise DataDamagedError(
                f"training images are {_sizes(train[0][0])}, "
                f"test images are {_sizes(test[0][0])}"
            )
        (train_images, train_labels), (test_images, test_labels) = (
            (images.contiguous(), labels.contiguous())
            for images, labels in (train, test)
        )
        moments = [_mean_and_std(channel) for channel in train_images.unbind(1)]
        if any(std == 0 for _, std in moments):
            raise DataDamagedError("the training pixels are all the same")
        return cls(
            name,
            train_images,
            train_labels,
            test_images,
            test_labels,
            num_classes,
            mean=tuple(mean for mean, _ in moments),
            std=tuple(std for _, std in moments),
            sha256=_sha256(train_images, train_labels, test_images, test_labels),
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width


def num_trained_on(
    name: str, num_images: int, *, num_validation: int, train_limit: int | None
) -> int:
    """How many of the training images are trained on: the first so many.

    The last `num_validation` of all are held out before the limit is applied.

    Raises:
        TooFewImagesError: If the limit asks for more than are left, or none are.
    """
    left = num_images - num_validation
    held = f", num_validation = {num_validation} of them held out" * bool(
        num_validation
    )
    if left < 1:
        raise TooFewImagesError(
            f"{name} has {num_images} training images{held}: none are left to train "
            f"on; hold out {num_images - 1} at most"
        )
    if train_limit is not None and train_limit > left:
        raise TooFewImagesError(
            f"{name} has {num_images} training images{held}: train_limit = "
            f"{train_limit} is more than the {left} there are; ask for {left} at most"
        )
    return left if train_limit is None else train_limit


def _check_split(
    split: str, images: "Tensor", labels: "Tensor", num_classes: int
) -> None:
    types = (str(images.dtype), images.ndim, str(labels.dtype), labels.ndim)
    if types != ("torch.uint8", 4, "torch.int64", 1):
        raise DataDamagedError(
            f"{split} images are {images.dtype} with {images.ndim} dimensions and "
            f"labels {labels.dtype} with {labels.ndim}; expected uint8 with 4 "
            "and int64 with 1"
        )
    if not 0 < len(images) == len(labels):
        raise DataDamagedError(
            f"{len(images)} {split} images and {len(labels)} {split} labels"
        )
    wrong = ((labels < 0) | (labels >= num_classes)).nonzero().flatten().tolist()
    if wrong:
        raise DataDamagedError(
            f"{len(wrong)} {split} labels are outside 0 to {num_classes - 1}; "
            f"the first, at index {wrong[0]}, is {int(labels[wrong[0]])}"
        )


def _mean_and_std(channel: "Tensor") -> tuple[float, float]:
    # From whole counts, so that no summation order can change the fourth decimal.
    counts: list[int] = channel.flatten().bincount(minlength=256).tolist()
    total = sum(counts)
    first = sum(count * value for value, count in enumerate(counts))
    second = sum(count * value**2 for value, count in enumerate(counts))
    mean = first / total / 255
    std = math.sqrt(total * second - first**2) / total / 255
    return round(mean, 4), round(std, 4)


def _sha256(*arrays: "Tensor") -> str:
    names = ("train_images", "train_labels", "test_images", "test_labels")
    digest = hashlib.sha256()
    for name, array in zip(names, arrays, strict=True):
        elements = array.numpy()
        digest.update(f"{name} {elements.dtype} {_sizes(array)}\n".encode())
        little_endian = elements.astype(elements.dtype.newbyteorder("<"), copy=False)
        digest.update(little_endian.data)
    return digest.hexdigest()


def _sizes(array: "Tensor") -> str:
    return "x".join(map(str, array.shape))
