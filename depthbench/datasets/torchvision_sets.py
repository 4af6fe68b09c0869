"""MNIST and the two sets in its format, read and downloaded by torchvision."""

import math
import os
import socket
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import torchvision
from torch import Tensor
from torchvision.datasets.mnist import read_image_file, read_label_file

from depthbench.datasets.image_data import (
    DataDamagedError,
    DataError,
    DataMissingError,
    ImageData,
)

# The shape in each file's header; one byte an element follows. The sets share them.
FILES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}

# torchvision sets none, and waits for ever on a network that swallows packets.
_SILENCE_SECONDS = 10.0

# What torchvision's download is known to raise.
_DOWNLOAD_ERRORS = (RuntimeError, OSError, EOFError, HTTPException, zlib.error)

# What its reader, which runs at the end of a download, raises for other formats.
_PARSE_ERRORS = (AssertionError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a set comes from.

    Attributes:
        torchvision_class: In `torchvision.datasets`; also the folder's name.
        sha256: Of the official arrays, as `ImageData` defines it; None where no
            official copy has been hashed.
    """

    torchvision_class: str
    sha256: str | None


SOURCES = {
    "mnist": _Source(
        "MNIST", "3ce129e09b0c3e7c682e2c8fa6a9c7cdc77cb628559db2c2ac0a556fa938db79"
    ),
    "fashion_mnist": _Source("FashionMNIST", None),
    "kmnist": _Source("KMNIST", None),
}


def load(name: str, data_dir: Path) -> ImageData:
    """The data set from the files under `data_dir`; nothing is ever downloaded.

    Args:
        name: One of `SOURCES`.
        data_dir: The folder that holds, for MNIST, `MNIST/raw`, as torchvision
            lays it out.

    Raises:
        DataMissingError: If a file is not there or not readable.
        DataDamagedError: If a file has another size or content than it should.
    """
    folder = _raw_folder(name, data_dir)
    try:
        missing = [file for file in FILES if not (folder / file).is_file()]
        if missing:
            raise DataMissingError(_missing_message(name, data_dir, missing))
        return _read(name, folder)
    except OSError as error:
        raise DataMissingError(f"cannot read {name}: {error}") from error
    except DataDamagedError as error:
        raise DataDamagedError(
            f"{name} in {folder} is damaged: {error}; "
            f"`depthbench data fetch {name}` replaces it, "
            "--data stroke_digits needs no files"
        ) from error


def fetch(name: str, data_dir: Path) -> None:
    """Put the data set under `data_dir`, so that `load` finds it.

    Nothing is downloaded if a sound copy is there; a damaged one is replaced, file
    by file. torchvision tries its mirrors and checks the MD5 of each archive.

    Raises:
        DataMissingError: If the download fails; the files there stay as they were.
        DataDamagedError: If what was downloaded is not the data set.
    """
    try:
        load(name, data_dir)
    except DataError:
        _download(name, data_dir)


def _download(name: str, data_dir: Path) -> None:
    dataset_class = getattr(torchvision.datasets, SOURCES[name].torchvision_class)
    folder = _raw_folder(name, data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # torchvision writes under the final names and takes any file it finds there
        # for a good one, hence a folder of its own to download to.
        with TemporaryDirectory(prefix=".fetch-", dir=folder) as staging:
            with redirect_stdout(sys.stderr), _socket_timeout(_SILENCE_SECONDS):
                dataset_class(staging, download=True)
            fetched = _raw_folder(name, Path(staging))
            _read(name, fetched)
            for file in FILES:
                with (fetched / file).open("rb") as content:
                    os.fsync(content.fileno())
                (fetched / file).replace(folder / file)
    except (DataDamagedError, *_PARSE_ERRORS) as error:
        reason = str(error) or "it is in no known format"
        raise DataDamagedError(f"the downloaded {name} is damaged: {reason}") from error
    except _DOWNLOAD_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataMissingError(
            f"could not fetch {name}: {reason}; without a network, put "
            f"{', '.join(FILES)} in {folder}, or use the built-in "
            "--data stroke_digits"
        ) from error


def _read(name: str, folder: Path) -> ImageData:
    train_images, train_labels, test_images, test_labels = (
        _decoded(folder / file, shape) for file, shape in FILES.items()
    )
    data = ImageData.from_tensors(
        name, (train_images, train_labels), (test_images, test_labels), num_classes=10
    )
    expected = SOURCES[name].sha256
    if expected not in (None, data.sha256):
        raise DataDamagedError(
            f"the SHA-256 of its arrays is {data.sha256}, expected {expected}"
        )
    return data


def _decoded(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The images [N, 1, H, W] or labels [N] of one file, found whole.

    torchvision checks neither the size nor, without assertions, the header.
    """
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)
    expected, found = len(header) + math.prod(shape), path.stat().st_size
    if found != expected:
        raise DataDamagedError(f"{path.name} has {found} bytes, expected {expected}")
    with path.open("rb") as content:
        if content.read(len(header)) != header:
            sizes = " x ".join(map(str, shape))
            raise DataDamagedError(f"{path.name} does not begin as {sizes} bytes do")
    labels: bool = len(shape) == 1
    array: Tensor = (read_label_file if labels else read_image_file)(str(path))
    return array if labels else array.unsqueeze(1)


def _raw_folder(name: str, data_dir: Path) -> Path:
    return data_dir / SOURCES[name].torchvision_class / "raw"


def _missing_message(name: str, data_dir: Path, missing: list[str]) -> str:
    sha256 = SOURCES[name].sha256
    return (
        f"{name} is not in {_raw_folder(name, data_dir)}: no {', '.join(missing)}; "
        f"run `depthbench data fetch {name}`, or let --data-dir DIR or DEPTHBENCH_DATA "
        f"name the folder that holds {SOURCES[name].torchvision_class}/raw, or use "
        "the built-in --data stroke_digits"
        + (f" (expected SHA-256 of the arrays: {sha256})" if sha256 else "")
    )


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
