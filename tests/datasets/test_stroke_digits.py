"""The generated data set: the same bytes everywhere, kept safely, fit to train on."""

import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from depthbench.datasets import DATASETS, stroke_digits
from depthbench.datasets.image_data import DataDamagedError, ImageData

load = DATASETS["stroke_digits"].load


@pytest.fixture(scope="session")
def kept_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    DATASETS["stroke_digits"].fetch(folder)
    return folder


@pytest.fixture(scope="session")
def data(kept_dir: Path) -> ImageData:
    return load(kept_dir)


@pytest.fixture
def data_dir(kept_dir: Path, tmp_path: Path) -> Path:
    shutil.copytree(kept_dir, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def num_generated(data: ImageData, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each generation, which is replaced by its known result."""
    images = torch.cat([data.train_images, data.test_images])[:, 0].numpy()
    labels = torch.cat([data.train_labels, data.test_labels]).numpy()
    calls: list[int] = []

    def generate(num_images: int) -> tuple[np.ndarray, np.ndarray]:
        calls.append(num_images)
        return images.copy(), labels.copy()

    monkeypatch.setattr(stroke_digits, "generate", generate)
    return calls


@pytest.mark.slow
def test_shapes_types_and_checksum(data: ImageData) -> None:
    assert data.name == "stroke_digits"
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_labels.dtype == torch.int64
    assert data.num_classes == 10
    assert data.sha256.startswith("585fff551ae61725")


def test_ink_is_as_much_as_in_mnist(data: ImageData) -> None:
    assert data.mean == pytest.approx((0.1307,), abs=0.002)
    assert data.std == pytest.approx((0.3081,), abs=0.002)
    assert data.train_images.min() == 0
    assert data.train_images.max() == 255


def test_no_image_is_blank_or_runs_over_the_edge_by_much(data: ImageData) -> None:
    images = data.train_images[:, 0].float() / 255
    assert images.sum(dim=(1, 2)).min() > 10
    inside = images[:, 1:-1, 1:-1].sum()
    assert inside / images.sum() > 0.98


def test_classes_are_balanced(data: ImageData) -> None:
    for labels in (data.train_labels, data.test_labels):
        counts = labels.bincount(minlength=10).float()
        expected = len(labels) / 10
        assert (counts - expected).abs().max() < 5 * (expected * 0.9) ** 0.5


def test_no_test_image_is_a_training_image(data: ImageData) -> None:
    train = {image.tobytes() for image in data.train_images.numpy()}
    test = {image.tobytes() for image in data.test_images.numpy()}
    assert len(train) == 60_000
    assert len(test) == 10_000
    assert not train & test


def test_classes_look_different(data: ImageData) -> None:
    images = (data.train_images[:, 0] > 127).float()
    means = torch.stack([images[data.train_labels == c].mean(0) for c in range(10)])
    distances = torch.cdist(means.flatten(1), means.flatten(1))
    assert distances[~torch.eye(10, dtype=torch.bool)].min() > 1.0


@pytest.mark.parametrize("images_at_once", [1, 64, 300])
def test_generating_in_other_portions_gives_the_same_bytes(
    data: ImageData, images_at_once: int
) -> None:
    images, labels = stroke_digits.generate(300, images_at_once)
    assert np.array_equal(images, data.train_images[:300, 0].numpy())
    assert np.array_equal(labels, data.train_labels[:300].numpy())


def test_number_of_threads_does_not_matter(data: ImageData) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3 if before == 1 else 1)
        images, _ = stroke_digits.generate(300)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(images, data.train_images[:300, 0].numpy())


def test_a_kept_file_is_used(data_dir: Path, num_generated: list[int]) -> None:
    assert load(data_dir).sha256 == stroke_digits.SHA256
    assert num_generated == []


def flip_bit(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 128]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: flip_bit(path, 30_000_000),
        lambda path: flip_bit(path, 70_000 * 785 - 1),
        lambda path: os.truncate(path, 70_000 * 785 - 1),
        lambda path: os.truncate(path, 40_000_000),
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(path, 70_000 * 785 + 1),
        lambda path: path.write_bytes(b"<html>"),
    ],
)
def test_a_damaged_file_is_noticed_and_replaced(
    damage: Callable[[Path], object],
    data_dir: Path,
    num_generated: list[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = data_dir / "stroke_digits/v1.bin"
    damage(path)
    with caplog.at_level(logging.WARNING):
        assert load(data_dir).sha256 == stroke_digits.SHA256
    assert num_generated == [70_000]
    assert str(path) in caplog.text
    load(data_dir)
    assert num_generated == [70_000]
    assert [file.name for file in path.parent.iterdir()] == ["v1.bin"]


@pytest.mark.parametrize(
    ("error", "is_survived"),
    [(OSError(errno.ENOSPC, "No space left"), True), (KeyboardInterrupt(), False)],
)
def test_an_interrupted_write_leaves_nothing(
    error: BaseException,
    is_survived: bool,
    tmp_path: Path,
    num_generated: list[int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = []

    def fail(_descriptor: int) -> None:
        seen.extend(path.name for path in (tmp_path / "stroke_digits").iterdir())
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    if is_survived:
        assert load(tmp_path).sha256 == stroke_digits.SHA256
        assert "No space left" in caplog.text
    else:
        with pytest.raises(type(error)):
            load(tmp_path)
    assert len(seen) == 1
    assert seen != ["v1.bin"]
    assert list((tmp_path / "stroke_digits").iterdir()) == []


def test_a_folder_that_cannot_be_written_does_not_matter(
    tmp_path: Path, num_generated: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert load(tmp_path / "file").sha256 == stroke_digits.SHA256
    assert "stroke_digits is not kept" in caplog.text


def test_a_machine_that_computes_otherwise_is_refused(
    tmp_path: Path, num_generated: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = stroke_digits.generate(70_000)
    images[0, 0, 0] ^= 1
    monkeypatch.setattr(stroke_digits, "generate", lambda _num_images: (images, labels))
    with pytest.raises(DataDamagedError, match=stroke_digits.SHA256):
        load(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_kept_file_that_cannot_be_read_is_done_without(
    tmp_path: Path, num_generated: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "stroke_digits/v1.bin").mkdir(parents=True)
    assert load(tmp_path).sha256 == stroke_digits.SHA256
    assert "cannot read" in caplog.text
    assert [path.name for path in (tmp_path / "stroke_digits").iterdir()] == ["v1.bin"]
