"""MNIST and the two sets in its format, downloaded by torchvision.

It is imported for that alone, for it imports PyTorch's compiler, too.
"""

import math
import struct
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthbench.datasets.image_data import DataDamagedError, ImageData
from depthbench.datasets.official_files import OfficialFiles

_GZIP = b"\x1f\x8b"

# The shape in each file's header; one byte an element follows. The sets share them.
FILES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}


def _source(name: str, torchvision_class: str, sha256: str | None) -> OfficialFiles:
    def download(root: Path) -> None:
        import torchvision

        getattr(torchvision.datasets, torchvision_class)(root, download=True)

    return OfficialFiles(
        name=name,
        folder=f"{torchvision_class}/raw",
        files=tuple(FILES),
        read=partial(_read, name),
        download=download,
        sha256=sha256,
    )


def _read(name: str, folder: Path) -> ImageData:
    train_images, train_labels, test_images, test_labels = (
        _decoded(folder / file, shape) for file, shape in FILES.items()
    )
    return ImageData.from_tensors(
        name, (train_images, train_labels), (test_images, test_labels), num_classes=10
    )


def _decoded(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The images [N, 1, H, W] or labels [N] of one file, found whole."""
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)
    found, expected = path.stat().st_size, len(header) + math.prod(shape)
    with path.open("rb") as content:
        begins = content.read(len(header))
    if begins.startswith(_GZIP):
        raise DataDamagedError(
            f"{path.name} is still packed: `mv {path.name} {path.name}.gz; gunzip "
            f"{path.name}.gz`"
        )
    if begins[:found] != header[:found]:
        sizes = " x ".join(map(str, shape))
        raise DataDamagedError(f"{path.name} does not begin as {sizes} bytes do")
    if found != expected:
        what = "labels" if len(shape) == 1 else "images"
        number = max(0, found - len(header)) // math.prod(shape[1:])
        raise DataDamagedError(
            f"{path.name} holds {number:,} of {shape[0]:,} {what} ({found:,} bytes, "
            f"expected {expected:,})"
        )
    elements = np.fromfile(path, np.uint8, offset=len(header)).reshape(shape)
    array = torch.from_numpy(elements)
    return array.unsqueeze(1) if array.ndim == 3 else array.to(torch.int64)


SOURCES = {
    "mnist": _source(
        "mnist",
        "MNIST",
        "3ce129e09b0c3e7c682e2c8fa6a9c7cdc77cb628559db2c2ac0a556fa938db79",
    ),
    "fashion_mnist": _source("fashion_mnist", "FashionMNIST", None),
    "kmnist": _source("kmnist", "KMNIST", None),
}
