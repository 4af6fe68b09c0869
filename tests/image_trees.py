"""Folders of small images, as a user would bring them."""

from pathlib import Path

import numpy as np
from PIL import Image

from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import (
    ImageData,
)

Tree = dict[str, np.ndarray]


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def grown(folder: Path, tree: Tree) -> Path:
    for path, pixels in tree.items():
        save(folder / path, pixels)
    return folder


def load(folder: Path) -> ImageData:
    return DATASETS[f"folder:{folder.name}"].load(folder.parent)


def pixels(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def small_tree(*shape: int) -> Tree:
    """Three classes, two training images and one test image of each."""
    names = [f"{split}/{c}/{i}.png" for c in "abc" for split, i in SMALL]
    return {name: pixels(seed, *shape) for seed, name in enumerate(names)}


SMALL = (("train", 0), ("train", 1), ("test", 0))
