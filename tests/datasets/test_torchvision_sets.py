"""MNIST, Fashion-MNIST and KMNIST: read whole and right, or refused with a reason."""

import errno
import gzip
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision

from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import DataDamagedError, DataMissingError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

# The torchvision sets, from made-up files in the official format


def idx_bytes(array: np.ndarray) -> bytes:
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture(scope="session")
def idx_contents() -> dict[str, bytes]:
    contents = {}
    for split, num_images in (("train", 60_000), ("t10k", 10_000)):
        places = np.arange(num_images)
        images = np.zeros((num_images, 28, 28), np.uint8)
        images[:, 3, 5] = places % 251
        contents[f"{split}-images-idx3-ubyte"] = idx_bytes(images)
        contents[f"{split}-labels-idx1-ubyte"] = idx_bytes((places % 10).astype("u1"))
    return contents


@pytest.fixture
def fashion_dir(tmp_path: Path, idx_contents: dict[str, bytes]) -> Path:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file, content in idx_contents.items():
        (raw / file).write_bytes(content)
    return tmp_path


def test_files_are_decoded_in_place(fashion_dir: Path) -> None:
    data = DATASETS["fashion_mnist"].load(fashion_dir)
    assert data.name == "fashion_mnist"
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.test_images.shape == (10_000, 1, 28, 28)
    assert data.train_images.dtype == torch.uint8
    assert data.train_labels.dtype == torch.int64
    assert data.train_images[777, 0, 3, 5] == 777 % 251
    assert data.test_labels[:12].tolist() == [*range(10), 0, 1]
    assert data.num_classes == 10


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist"])
def test_missing_files_are_named_with_the_ways_out(name: str, tmp_path: Path) -> None:
    folder = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}
    with pytest.raises(DataMissingError) as caught:
        DATASETS[name].load(tmp_path)
    told = str(caught.value)
    assert str(tmp_path / folder[name] / "raw") in told
    for word in (
        *FILES,
        f"depthbench data fetch {name}",
        "--data-dir",
        "DEPTHBENCH_DATA",
        "--data stroke_digits",
    ):
        assert word in told
    assert list(tmp_path.iterdir()) == []


def test_only_the_files_that_are_missing_are_named(fashion_dir: Path) -> None:
    (fashion_dir / "FashionMNIST/raw" / FILES[3]).unlink()
    with pytest.raises(DataMissingError, match=f"no {FILES[3]};"):
        DATASETS["fashion_mnist"].load(fashion_dir)


def test_unreadable_file_is_told_apart_from_a_missing_one(
    fashion_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", FILES[0])

    monkeypatch.setattr(np, "fromfile", refuse)
    with pytest.raises(DataMissingError, match="Permission denied"):
        DATASETS["fashion_mnist"].load(fashion_dir)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda content: content[:-1], "holds .*9,999 of .*0,000 (images|labels) "),
        (lambda content: content + b"\0", "holds .* bytes, expected"),
        (lambda _: b"", "holds 0 of .* \\(0 bytes, expected"),
        (gzip.compress, "is still packed: `mv"),
        (lambda content: b"<html>" + content[6:], "does not begin as"),
    ],
)
def test_garbled_file_is_refused_by_name(
    fashion_dir: Path, file: str, spoil: Callable[[bytes], bytes], complaint: str
) -> None:
    path = fashion_dir / "FashionMNIST/raw" / file
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataDamagedError, match=f"{file} {complaint}") as caught:
        DATASETS["fashion_mnist"].load(fashion_dir)
    command = f"data fetch fashion_mnist --replace --data-dir {fashion_dir}`"
    assert command in str(caught.value)
    assert str(path.parent) in str(caught.value)


def test_label_11_is_refused(fashion_dir: Path) -> None:
    path = fashion_dir / "FashionMNIST/raw" / FILES[1]
    content = bytearray(path.read_bytes())
    content[8 + 41] = 11
    path.write_bytes(content)
    with pytest.raises(DataDamagedError, match="at index 41, is 11"):
        DATASETS["fashion_mnist"].load(fashion_dir)


def test_files_of_another_set_do_not_pass_for_mnist(fashion_dir: Path) -> None:
    (fashion_dir / "FashionMNIST").rename(fashion_dir / "MNIST")
    with pytest.raises(DataDamagedError, match="SHA-256 of its arrays is"):
        DATASETS["mnist"].load(fashion_dir)


# Fetching, with torchvision's download replaced

Download = Callable[..., None]


@pytest.fixture
def replace_download(monkeypatch: pytest.MonkeyPatch) -> Callable[[Download], None]:
    def replace(download: Download) -> None:
        module = torchvision.datasets.mnist
        monkeypatch.setattr(module, "download_and_extract_archive", download)

    return replace


@pytest.mark.parametrize(
    "error",
    [
        URLError("no route to host"),
        TimeoutError("no route to host"),
        RuntimeError("no route to host"),
        EOFError("no route to host"),
    ],
)
def test_failed_download_gives_the_reason_and_leaves_no_files(
    error: Exception, tmp_path: Path, replace_download: Callable[[Download], None]
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    replace_download(fail)
    with pytest.raises(DataMissingError, match="no route to host") as caught:
        DATASETS["mnist"].fetch(tmp_path)
    told = str(caught.value)
    assert "\n" not in told
    assert str(tmp_path / "MNIST/raw") in told
    assert "--data stroke_digits" in told
    assert {path.name for path in tmp_path.rglob("*")} == {"MNIST", "raw"}


def test_fetch_into_a_folder_that_cannot_be_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataMissingError, match="could not fetch mnist"):
        DATASETS["mnist"].fetch(tmp_path / "file")


def test_fetch_replaces_damaged_files_and_keeps_stdout_clean(
    fashion_dir: Path,
    idx_contents: dict[str, bytes],
    replace_download: Callable[[Download], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    timeouts = []

    def download(_url: str, *, download_root: str, filename: str, md5: str) -> None:
        print("downloading")
        timeouts.append(socket.getdefaulttimeout())
        file = filename.removesuffix(".gz")
        (Path(download_root) / file).write_bytes(idx_contents[file])

    replace_download(download)
    raw = fashion_dir / "FashionMNIST/raw"
    (raw / FILES[0]).write_bytes(b"half")
    with pytest.raises(DataDamagedError, match=r"fetch fashion_mnist --replace --data"):
        DATASETS["fashion_mnist"].fetch(fashion_dir)
    assert (raw / FILES[0]).read_bytes() == b"half"
    DATASETS["fashion_mnist"].fetch(fashion_dir, replace=True)
    assert DATASETS["fashion_mnist"].load(fashion_dir).train_images[777, 0, 3, 5] == 24
    assert sorted(path.name for path in raw.iterdir()) == sorted(FILES)
    assert capsys.readouterr().out == ""
    assert None not in timeouts
    assert socket.getdefaulttimeout() is None


def test_fetch_refuses_what_is_not_the_data_set_and_keeps_what_was_there(
    fashion_dir: Path, replace_download: Callable[[Download], None]
) -> None:
    def download(_url: str, *, download_root: str, filename: str, md5: str) -> None:
        (Path(download_root) / filename.removesuffix(".gz")).write_bytes(b"<html>")

    replace_download(download)
    raw = fashion_dir / "FashionMNIST/raw"
    (raw / FILES[0]).write_bytes(b"half")
    with pytest.raises(DataDamagedError, match="the downloaded fashion_mnist"):
        DATASETS["fashion_mnist"].fetch(fashion_dir, replace=True)
    assert (raw / FILES[0]).read_bytes() == b"half"
    assert sorted(path.name for path in raw.iterdir()) == sorted(FILES)


@pytest.mark.slow
def test_fetch_adds_what_is_missing_and_keeps_what_is_there(
    fashion_dir: Path,
    idx_contents: dict[str, bytes],
    replace_download: Callable[[Download], None],
) -> None:
    def download(_url: str, *, download_root: str, filename: str, md5: str) -> None:
        file = filename.removesuffix(".gz")
        (Path(download_root) / file).write_bytes(idx_contents[file])

    replace_download(download)
    raw = fashion_dir / "FashionMNIST/raw"
    (raw / FILES[1]).unlink()
    (raw / FILES[0]).write_bytes(b"my own")
    with pytest.raises(DataDamagedError, match=f"{FILES[0]} does not begin"):
        DATASETS["fashion_mnist"].fetch(fashion_dir)
    assert (raw / FILES[0]).read_bytes() == b"my own"
    (raw / FILES[0]).unlink()
    DATASETS["fashion_mnist"].fetch(fashion_dir)
    DATASETS["fashion_mnist"].load(fashion_dir)


# What is there instead: the names that unpackers and people give


def dotted(file: str) -> str:
    return file.replace("-idx", ".idx")


@pytest.mark.parametrize(
    ("where", "named", "told"),
    [
        ("MNIST/raw", dotted, "rename it to train-images-idx3-ubyte, and the others"),
        ("MNIST/raw", lambda f: f"{f}.gz", "unpack it (gunzip), and the others alike"),
        ("MNIST/raw", lambda f: f"{dotted(f)}.gz", "unpack it (gunzip), rename it to"),
        ("MNIST/raw", lambda f: f"{f}/{f}", "move it to {}/MNIST/raw, and the others"),
        (".", str, "move it to {}/MNIST/raw, and the others alike"),
        ("MNIST", str, "move it to {}/MNIST/raw"),
        ("mnist", dotted, "rename it to train-images-idx3-ubyte, move it to {}/MNIST"),
        ("deeper/MNIST/raw", str, "say --data-dir {}/deeper"),
    ],
)
def test_what_is_there_instead_is_named(
    where: str, named: Callable[[str], str], told: str, tmp_path: Path
) -> None:
    for file in FILES:
        path = tmp_path / where / named(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(DataMissingError) as caught:
        DATASETS["mnist"].load(tmp_path)
    says = str(caught.value)
    assert f"; there is {tmp_path / where / named(FILES[0])}: " in says
    assert told.replace("{}", str(tmp_path)) in says


def test_a_set_beside_the_user_or_above_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = tmp_path / "my data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in FILES:
        (raw / file).touch()
    for data_dir in (raw, raw.parent):
        with pytest.raises(DataMissingError, match=f"--data-dir '{tmp_path}/my data'"):
            DATASETS["mnist"].load(data_dir)
    monkeypatch.chdir(tmp_path / "my data")
    with pytest.raises(DataMissingError, match=f"--data-dir '{tmp_path}/my data'"):
        DATASETS["mnist"].load(tmp_path / "elsewhere")


def test_a_packed_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-python.tar.gz").touch()
    with pytest.raises(
        DataMissingError, match=f"still packed: unpack it in {tmp_path}"
    ):
        DATASETS["cifar10"].load(tmp_path)


def test_fetch_leaves_a_sound_copy_alone(
    fashion_dir: Path, replace_download: Callable[[Download], None]
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise AssertionError("downloaded although the files are there")

    replace_download(fail)
    DATASETS["fashion_mnist"].fetch(fashion_dir)
