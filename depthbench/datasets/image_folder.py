"""A user's own images: a folder a split, in it a folder a class, decoded by Pillow.

    PATH/train/CLASS/*
    PATH/test/CLASS/*

- The classes are the folders of `train`, sorted; `test` has the same ones or some of
  them; two names that look the same in Unicode are one. Names starting with "." and the
  files that Windows leaves (Thumbs.db, desktop.ini) are skipped; anything else that is
  not an image is an error. What else PATH holds is not looked at.
- A file is a BMP, JPEG, PNG, PPM (PGM, PBM), TIFF or WebP image with 8 bits a channel
  and one picture, as its content says; its name's ending does not matter. An
  orientation that a camera noted is not applied.
- All images, of both splits, have one size. They are grey, [N, 1, H, W], if every one
  is (1 bit or 8); else RGB, [N, 3, H, W], where a grey one has three equal channels. A
  palette is resolved to RGB. An alpha channel that is opaque everywhere is dropped; any
  other is an error, as are 16 bits a channel, CMYK and the like: what to make of them
  is for the user to say.
- Images come in a fixed order that looks random, so that the first or last of them are
  a fair sample of the classes: first sorted by class and name as bytes, then the n
  positions 0 to n - 1 are sorted by the SHA-256 of their decimal digits.

The same files give the same tensors, whatever order a file system or language lists
them in; JPEG files up to the rounding of the decoder.
"""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from depthbench.datasets.image_data import (
    DataDamagedError,
    DataMissingError,
    ImageData,
)
from depthbench.datasets.image_file import decoded, size_of
from depthbench.datasets.nearby import split_instead

_SKIPPED = ("thumbs.db", "desktop.ini")

_NEEDED = (
    "put the images of each class in {folder}/train/CLASS and {folder}/test/CLASS, "
    "where CLASS is its name; a relative PATH starts at --data-dir or DEPTHBENCH_DATA; "
    "--data stroke_digits needs no files"
)


class _File(NamedTuple):
    path: str
    label: int


def load(name: str, folder: Path) -> ImageData:
    """The data set that lies in `folder`, as the module says.

    Args:
        name: As users write it.
        folder: Holds `train` and `test`.

    Raises:
        DataMissingError: If a split is not there, or something is not readable.
        DataDamagedError: If what is there is no such data set; names the file.
    """
    try:
        train_classes = _classes(name, folder, "train")
        test_classes = _classes(name, folder, "test")
        _check_classes(folder, train_classes, test_classes)
        classes = list(train_classes)
        train = _files(folder / "train", train_classes, classes)
        test = _files(folder / "test", test_classes, classes)
        images = torch.from_numpy(_read([*train, *test]))
        return ImageData.from_tensors(
            name,
            _shuffled(images[: len(train)], train),
            _shuffled(images[len(train) :], test),
            num_classes=len(classes),
        )
    except OSError as error:
        raise DataMissingError(f"cannot read {name}: {error}") from error
    except DataDamagedError as error:
        raise DataDamagedError(f"{name} cannot be used: {error}") from error


def _shuffled(images: Tensor, files: Sequence[_File]) -> tuple[Tensor, Tensor]:
    """Images and labels of a split, from its files' order to that of the data set."""
    labels = torch.tensor([file.label for file in files])
    order = torch.tensor(sorted(range(len(files)), key=_digest))
    return images[order], labels[order]


def _digest(position: int) -> bytes:
    return hashlib.sha256(str(position).encode()).digest()


def _classes(name: str, folder: Path, split: str) -> dict[str, str]:
    """The folders of a split, by their names in Unicode's composed form."""
    place = folder / split
    if not place.is_dir():
        found = split_instead(name, folder, split)
        how = found or _NEEDED.format(folder=folder)
        raise DataMissingError(f"{name} needs a folder {place}: {how}")
    folders: dict[str, str] = {}
    for entry in _entries(place):
        if not entry.is_dir():
            raise DataDamagedError(
                f"{entry.path} is not a folder; {place} has a folder for each class "
                "and nothing else: move it away"
            )
        same = folders.setdefault(unicodedata.normalize("NFC", entry.name), entry.name)
        if same != entry.name:
            raise DataDamagedError(
                f"{place} has {same!a} and {entry.name!a}, which look the "
                "same: rename one, or put their images together"
            )
    return folders


def _check_classes(
    folder: Path, train_classes: Collection[str], test_classes: Collection[str]
) -> None:
    if len(train_classes) < 2:
        found = ", ".join(train_classes) or "none"
        raise DataDamagedError(
            f"{folder}/train has too few classes ({found}); it needs at least two, a "
            "folder of images each"
        )
    if not test_classes:
        raise DataDamagedError(
            f"{folder}/test has no classes; it needs folders named like those of train"
        )
    for unknown in (each for each in test_classes if each not in train_classes):
        near = get_close_matches(unknown, train_classes, 1)
        known = ", ".join(near or list(train_classes)[:10])
        known += ", ..." * (len(train_classes) > 10 and not near)
        raise DataDamagedError(
            f"{folder}/test/{unknown} is a class that train lacks; "
            f"{'near is' if near else 'known are'} {known}: rename it, or add images "
            "of it to train"
        )


def _files(
    place: Path, folders: Mapping[str, str], classes: Sequence[str]
) -> list[_File]:
    """Files of the classes in one split, sorted; a label is a place in `classes`."""
    files = []
    for class_name, name in folders.items():
        entries = _entries(place / name)
        if not entries:
            raise DataDamagedError(
                f"{place / name} has no images; add some, or remove the folder"
            )
        for entry in entries:
            if not entry.is_file():
                raise DataDamagedError(
                    f"{entry.path} is not a file; the folder of a class has images and "
                    "nothing else: move it away"
                )
        label = classes.index(class_name)
        files += [_File(entry.path, label) for entry in entries]
    return files


def _entries(place: Path) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden, sorted by the bytes of its names."""
    with os.scandir(place) as entries:
        shown = [
            entry
            for entry in entries
            if not entry.name.startswith(".") and entry.name.lower() not in _SKIPPED
        ]
    return sorted(shown, key=lambda entry: os.fsencode(entry.name))


def _read(files: Sequence[_File]) -> npt.NDArray[np.uint8]:
    """All images, [N, C, H, W]."""
    first = decoded(files[0].path)
    images = np.empty((len(files), 1, *first.shape[:2]), np.uint8)
    for place, file in enumerate(files):
        pixels = decoded(file.path)
        if pixels.shape[:2] != first.shape[:2]:
            raise DataDamagedError(_sizes_message(files, file))
        if pixels.ndim == 3 and images.shape[1] == 1:
            images = images.repeat(3, axis=1)
        images[place] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return images


def _sizes_message(files: Sequence[_File], other: _File) -> str:
    sizes = Counter(size_of(file.path) for file in files)
    counts = ", ".join(
        f"{number:,} {'is' if number == 1 else 'are'} {size}"
        for size, number in sizes.most_common(3)
    )
    more = ", ..." * (len(sizes) > 3)
    return (
        f"images differ in size (width x height): {counts}{more}; {other.path} is "
        f"{size_of(other.path)}, {files[0].path} {size_of(files[0].path)}; resize them "
        "to one size"
    )
