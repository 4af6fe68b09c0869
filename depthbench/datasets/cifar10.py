"""CIFAR-10, read and downloaded by torchvision.

No official copy has been hashed here, so its SHA-256 is recorded, not checked; the MD5
of every file, which torchvision holds, is.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10
from torchvision.datasets.utils import check_integrity, download_and_extract_archive

from depthbench.datasets.image_data import DataDamagedError, ImageData
from depthbench.datasets.official_files import OfficialFiles


def _md5_by_file() -> dict[str, str]:
    meta = CIFAR10.meta["filename"], CIFAR10.meta["md5"]
    return dict([*CIFAR10.train_list, *CIFAR10.test_list, meta])


def _download(root: Path) -> None:
    # What the constructor does, without reading what it got.
    download_and_extract_archive(
        CIFAR10.url, root, filename=CIFAR10.filename, md5=CIFAR10.tgz_md5
    )


def _read(folder: Path) -> ImageData:
    # Before any is opened: the files are pickles, which can run what they like.
    for file, md5 in _md5_by_file().items():
        if not check_integrity(folder / file, md5):
            raise DataDamagedError(f"{file} does not have the MD5 {md5}")
    train, test = (_split(folder.parent, train=train) for train in (True, False))
    return ImageData.from_tensors("cifar10", train, test, num_classes=10)


def _split(root: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    data = CIFAR10(root, train=train)
    images = torch.from_numpy(np.ascontiguousarray(data.data.transpose(0, 3, 1, 2)))
    return images, torch.tensor(data.targets)


SOURCE = OfficialFiles(
    name="cifar10",
    folder=CIFAR10.base_folder,
    files=tuple(_md5_by_file()),
    read=_read,
    download=_download,
    archive=CIFAR10.filename,
)
