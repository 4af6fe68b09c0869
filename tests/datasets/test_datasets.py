"""The registry of data sets, and the checks every data set goes through."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import DataDamagedError, ImageData
from depthbench.datasets.torchvision_sets import FILES

Split = tuple[torch.Tensor, torch.Tensor]


def sha256_as_documented(data: ImageData) -> str:
    digest = hashlib.sha256()
    for split in ("train", "test"):
        for kind, dtype in (("images", "uint8"), ("labels", "int64")):
            array = getattr(data, f"{split}_{kind}").numpy()
            shape = "x".join(str(size) for size in array.shape)
            digest.update(f"{split}_{kind} {dtype} {shape}\n".encode("ascii"))
            digest.update(array.astype("|u1" if dtype == "uint8" else "<i8").tobytes())
    return digest.hexdigest()


# The registry


def test_data_sets_are_listed_in_order_and_say_where_they_come_from() -> None:
    names = ["mnist", "fashion_mnist", "kmnist", "cifar10", "stroke_digits"]
    assert list(DATASETS) == names
    for name in DATASETS:
        entry = DATASETS[name]
        assert entry.name == name
        assert entry.description and entry.source
        assert entry.is_builtin == (name == "stroke_digits")


def test_listing_data_sets_imports_no_numerics() -> None:
    heavy = "{'torch', 'torchvision', 'numpy'}"
    code = f"import sys, depthbench.datasets; print({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_permuted_labels_are_those_of_other_images(tmp_path: Path) -> None:
    plain = DATASETS["stroke_digits"].load(tmp_path)
    permuted = DATASETS["permuted:stroke_digits"].load(tmp_path)
    assert torch.equal(permuted.train_images, plain.train_images)
    assert torch.equal(permuted.test_labels, plain.test_labels)
    counts = permuted.train_labels.bincount(), plain.train_labels.bincount()
    assert torch.equal(*counts)
    same = (permuted.train_labels == plain.train_labels).double().mean()
    assert 0.09 < same < 0.11
    again = DATASETS["permuted:stroke_digits"].load(tmp_path)
    assert again.sha256 == permuted.sha256 != plain.sha256
    with pytest.raises(ValueError, match="did you mean mnist"):
        DATASETS["permuted:mnits"]


def test_unknown_data_set_suggests_a_close_one() -> None:
    with pytest.raises(ValueError, match="did you mean mnist"):
        DATASETS["mnits"]


# ImageData


def split_of(images: torch.Tensor, labels: list[int]) -> Split:
    return images, torch.tensor(labels)


@pytest.fixture
def train() -> Split:
    images = torch.zeros(2, 2, 1, 2, dtype=torch.uint8)
    images[1, 0] = 255
    images[0, 1, 0, 0] = 51
    return split_of(images, [0, 2])


def test_mean_and_std_are_per_channel_fractions_of_255(train: Split) -> None:
    data = ImageData.from_tensors("tiny", train, train, num_classes=3)
    assert data.image_shape == (2, 1, 2)
    assert data.mean == (0.5, 0.05)
    assert data.std == (0.5, 0.0866)  # sqrt(0.05 * 0.15)


def test_sha256_is_as_documented_and_sees_every_array(train: Split) -> None:
    images, labels = train
    bigger = torch.cat([images, images]), torch.cat([labels, labels])
    relabelled = images, labels.flip(0)
    repainted = images ^ torch.eye(2, dtype=torch.uint8).view(2, 1, 1, 2), labels
    reshaped = images.view(2, 2, 2, 1), labels
    pairs = [(train, other) for other in (train, bigger, relabelled, repainted)]
    pairs += [(other, train) for other in (bigger, relabelled, repainted)]
    pairs += [(reshaped, reshaped)]
    made = [ImageData.from_tensors("tiny", *pair, num_classes=3) for pair in pairs]
    assert [data.sha256 for data in made] == [sha256_as_documented(d) for d in made]
    assert len({data.sha256 for data in made}) == len(pairs)


def test_strided_images_give_the_same_data_set(train: Split) -> None:
    images, labels = train
    turned = images.transpose(2, 3).contiguous().transpose(2, 3)
    turned = turned.to(memory_format=torch.channels_last)
    plain = ImageData.from_tensors("tiny", train, train, num_classes=3)
    strided = ImageData.from_tensors("tiny", (turned, labels), train, num_classes=3)
    assert strided.sha256 == plain.sha256
    assert strided.train_images.is_contiguous()


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda x, y: (x.float(), y), "float32"),
        (lambda x, y: (x[:, 0], y), "3 dimensions"),
        (lambda x, y: (x, y.int()), "int32"),
        (lambda x, y: (x, y[:1]), "2 test images and 1 test labels"),
        (lambda x, y: (x[:0], y[:0]), "0 test images"),
        (lambda x, y: (x, y + 1), "1 test labels .* at index 1, is 3"),
        (lambda x, y: (x, y - 1), "1 test labels .* at index 0, is -1"),
        (lambda x, y: (x[..., :1], y), "training images are 2x1x2, .* 2x1x1"),
    ],
)
def test_unsound_test_split_is_refused(
    train: Split, spoil: Callable[..., Split], complaint: str
) -> None:
    with pytest.raises(DataDamagedError, match=complaint):
        ImageData.from_tensors("tiny", train, spoil(*train), num_classes=3)


def test_channel_without_contrast_is_refused(train: Split) -> None:
    flat = train[0].clone()
    flat[:, 1] = 7
    with pytest.raises(DataDamagedError, match="all the same"):
        ImageData.from_tensors("tiny", (flat, train[1]), train, num_classes=3)


# The official MNIST files


@pytest.fixture
def mnist_dir() -> Path:
    folder = os.getenv("DEPTHBENCH_DATA")
    if (
        folder is None
        or not (Path(folder) / "MNIST/raw" / "t10k-images-idx3-ubyte").is_file()
    ):
        pytest.skip("DEPTHBENCH_DATA names no folder with MNIST/raw")
    return Path(folder)


@pytest.mark.mnist
def test_official_mnist_is_accepted(mnist_dir: Path) -> None:
    data = DATASETS["mnist"].load(mnist_dir)
    assert data.mean == (0.1307,)
    assert data.std == (0.3081,)
    assert data.sha256 == sha256_as_documented(data)
    assert data.sha256.startswith("3ce129e09b0c3e7c")
    assert data.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert (data.test_labels == 0).sum() == 980
    assert (data.test_labels == 1).sum() == 1135


@pytest.mark.mnist
def test_one_changed_pixel_of_mnist_is_refused(mnist_dir: Path, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    for file in FILES:
        (raw / file).write_bytes((mnist_dir / "MNIST/raw" / file).read_bytes())
    with (raw / "t10k-images-idx3-ubyte").open("r+b") as content:
        content.seek(5_000_000)
        content.write(b"\x01")
    with pytest.raises(DataDamagedError, match="SHA-256 of its arrays is"):
        DATASETS["mnist"].load(tmp_path)
