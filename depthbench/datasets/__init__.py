"""The data sets at hand; listing them loads neither torch nor any data."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from depthbench.datasets.image_data import DataMissingError, ImageData
from depthbench.registry import Registry

if TYPE_CHECKING:
    from depthbench.datasets.official_files import OfficialFiles

__all__ = ["DATASETS", "FOLDER_DESCRIPTION", "FOLDER_FORM", "PERMUTED_FORM", "Dataset"]

FOLDER_FORM = "folder:PATH"
PERMUTED_FORM = "permuted:NAME"

FOLDER_DESCRIPTION = (
    "your own images of one size: PATH/train/CLASS/* and PATH/test/CLASS/*, PATH "
    "relative to --data-dir"
)


class Fetch(Protocol):
    """Puts under a folder what a data set needs there; raises `DataError`.

    Files that are there stay as they are unless `replace` says otherwise.
    """

    def __call__(self, data_dir: Path, *, replace: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class Dataset:
    """A source of images to train on.

    Attributes:
        name: As users write it.
        description: What the images show and how many there are, in one line.
        source: Who made it and under which licence, in one line.
        load: The data from the files under a folder, checked; never downloads;
            raises `DataError`.
        fetch: Puts under a folder what `load` needs there.
        is_builtin: Whether it needs neither files nor a network.
        is_published: Whether `fetch` gets its files from a network.
    """

    name: str
    description: str
    source: str
    load: Callable[[Path], ImageData]
    fetch: Fetch
    is_builtin: bool = False
    is_published: bool = False


def _official(name: str, description: str, source: str) -> Dataset:
    def files() -> "OfficialFiles":
        # The imports wait for the call: torch takes seconds, a listing milliseconds.
        if name == "cifar10":
            from depthbench.datasets import cifar10

            return cifar10.SOURCE
        from depthbench.datasets import torchvision_sets

        return torchvision_sets.SOURCES[name]

    def load(data_dir: Path) -> ImageData:
        return files().load(data_dir)

    def fetch(data_dir: Path, *, replace: bool = False) -> None:
        files().fetch(data_dir, replace=replace)

    return Dataset(name, description, source, load, fetch, is_published=True)


def _load_stroke_digits(data_dir: Path) -> ImageData:
    from depthbench.datasets import stroke_digits

    return stroke_digits.load(data_dir)


def _fetch_stroke_digits(data_dir: Path, *, replace: bool = False) -> None:
    del replace  # a damaged copy is made anew at any load
    _load_stroke_digits(data_dir)


def _from_folder(path: str) -> Dataset:
    if not path:
        raise ValueError(f"folder: names no folder; write {FOLDER_FORM}")
    name = f"folder:{path}"

    def load(data_dir: Path) -> ImageData:
        from depthbench.datasets import image_folder

        return image_folder.load(name, data_dir / path)

    def fetch(data_dir: Path, *, replace: bool = False) -> None:
        del replace
        raise DataMissingError(
            f"{name} is a folder of your own and cannot be fetched; put images in "
            f"{data_dir / path}/train/CLASS and {data_dir / path}/test/CLASS"
        )

    return Dataset(name, FOLDER_DESCRIPTION, "your own", load, fetch)


def _permuted(name: str) -> Dataset:
    """A control: there is nothing to learn, and what trains on it shows a fault."""
    whole = DATASETS[name]

    def load(data_dir: Path) -> ImageData:
        import torch

        from depthbench.runtime import generator

        data = whole.load(data_dir)
        labels = data.train_labels
        order = torch.randperm(len(labels), generator=generator("permuted labels"))
        return ImageData.from_tensors(
            f"permuted:{name}",
            (data.train_images, labels[order]),
            (data.test_images, data.test_labels),
            data.num_classes,
        )

    description = f"{whole.description}; training labels permuted"
    return replace(whole, name=f"permuted:{name}", description=description, load=load)


_ALL = (
    _official(
        "mnist",
        "handwritten digits, 28 x 28 grey, 10 classes, 60,000 + 10,000 images",
        "LeCun, Cortes and Burges, 1998; CC BY-SA 3.0",
    ),
    _official(
        "fashion_mnist",
        "photographs of clothes, 28 x 28 grey, 10 classes, 60,000 + 10,000 images",
        "Xiao, Rasul and Vollgraf, 2017 (arXiv:1708.07747); MIT",
    ),
    _official(
        "kmnist",
        "cursive Japanese, 28 x 28 grey, 10 classes, 60,000 + 10,000 images",
        "Clanuwat et al., 2018 (arXiv:1812.01718), CODH; CC BY-SA 4.0",
    ),
    _official(
        "cifar10",
        "small photographs, 32 x 32 RGB, 10 classes, 50,000 + 10,000 images",
        "Krizhevsky, 2009 (Learning Multiple Layers of Features from Tiny Images)",
    ),
    Dataset(
        "stroke_digits",
        "generated digits, 28 x 28 grey, 10 classes, 60,000 + 10,000 images",
        "generated by depthbench itself; MIT",
        _load_stroke_digits,
        _fetch_stroke_digits,
        is_builtin=True,
    ),
)

DATASETS = Registry(
    "data set",
    {dataset.name: dataset for dataset in _ALL},
    families={PERMUTED_FORM: _permuted, FOLDER_FORM: _from_folder},
)
