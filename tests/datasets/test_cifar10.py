"""CIFAR-10: read whole and right, or refused before a file of it is unpickled."""

import hashlib
import pickle
import shutil
import tarfile
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10, cifar

from depthbench.datasets import DATASETS, cifar10
from depthbench.datasets.image_data import DataDamagedError, DataMissingError

BATCHES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
FILES = [*BATCHES, "batches.meta"]


def pixels_of(batch: int) -> np.ndarray:
    return np.random.default_rng(batch).integers(0, 256, (4, 3, 32, 32), np.uint8)


def labels_of(batch: int) -> list[int]:
    return [(3 * batch + i) % 10 for i in range(4)]


def batch_bytes(batch: int) -> bytes:
    rows = pixels_of(batch).reshape(4, -1)
    return pickle.dumps({"data": rows, "labels": labels_of(batch)}, protocol=2)


def contents() -> dict[str, bytes]:
    made = {name: batch_bytes(batch) for batch, name in enumerate(BATCHES)}
    names = {"label_names": list("abcdefghij")}
    return made | {"batches.meta": pickle.dumps(names, protocol=2)}


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small files in the official format, which pass for the official ones."""
    folder = tmp_path / "data" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    sums = {}
    for name, content in contents().items():
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(CIFAR10, "train_list", [[n, sums[n]] for n in BATCHES[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    meta = CIFAR10.meta | {"md5": sums["batches.meta"]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return folder.parent


def test_images_and_labels_are_those_of_the_files_in_their_order(
    data_dir: Path,
) -> None:
    data = DATASETS["cifar10"].load(data_dir)
    images = torch.from_numpy(np.concatenate([pixels_of(b) for b in range(5)]))
    assert torch.equal(data.train_images, images)
    assert data.train_labels.tolist() == [n for b in range(5) for n in labels_of(b)]
    assert torch.equal(data.test_images, torch.from_numpy(pixels_of(5)))
    assert data.test_labels.tolist() == labels_of(5)
    assert data.test_images.is_contiguous()
    assert (data.name, data.num_classes, data.image_shape) == (
        "cifar10",
        10,
        (3, 32, 32),
    )


def test_missing_files_are_named_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError) as caught:
        DATASETS["cifar10"].load(tmp_path)
    told = str(caught.value)
    for word in (
        str(tmp_path / "cifar-10-batches-py"),
        *FILES,
        "depthbench data fetch cifar10",
        "--data-dir",
        "DEPTHBENCH_DATA",
        "--data stroke_digits",
    ):
        assert word in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_md5_is_refused_unopened(
    data_dir: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_dir / "cifar-10-batches-py" / file
    path.write_bytes(path.read_bytes() + b"\0")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    monkeypatch.setattr(cifar.pickle, "load", refuse)
    with pytest.raises(DataDamagedError, match=f"{file} does not have the MD5") as told:
        DATASETS["cifar10"].load(data_dir)
    assert str(path.parent) in str(told.value)
    assert "depthbench data fetch cifar10" in str(told.value)


# Fetching, with torchvision's download replaced


def test_fetch_replaces_damaged_files_and_keeps_stdout_clean(
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def download(_url: str, root: Path, *, filename: str, md5: str) -> None:
        print("downloading")
        folder = root / "cifar-10-batches-py"
        folder.mkdir()
        for name, content in contents().items():
            (folder / name).write_bytes(content)
        (root / filename).write_bytes(b"the archive")

    monkeypatch.setattr(cifar10, "download_and_extract_archive", download)
    folder = data_dir / "cifar-10-batches-py"
    (folder / "test_batch").write_bytes(b"half")
    (folder / "data_batch_2").unlink()
    DATASETS["cifar10"].fetch(data_dir, replace=True)
    assert DATASETS["cifar10"].load(data_dir).test_labels.tolist() == labels_of(5)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("download", "kind", "told"),
    [
        ("fail", DataMissingError, "could not fetch cifar10: no route to host; .* put"),
        (
            "other",
            DataDamagedError,
            "the downloaded cifar10 is damaged: test_batch does",
        ),
    ],
)
def test_a_failed_fetch_gives_the_reason_and_leaves_what_was_there(
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    download: str,
    kind: type[Exception],
    told: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    def other(_url: str, root: Path, *, filename: str, md5: str) -> None:
        fetched = root / "cifar-10-batches-py"
        fetched.mkdir()
        for name in FILES:
            shutil.copy(folder / name, fetched)

    folder = data_dir / "cifar-10-batches-py"
    chosen: Callable[..., None] = {"fail": fail, "other": other}[download]
    monkeypatch.setattr(cifar10, "download_and_extract_archive", chosen)
    (folder / "test_batch").write_bytes(b"half")
    with pytest.raises(kind, match=told):
        DATASETS["cifar10"].fetch(data_dir, replace=True)
    assert (folder / "test_batch").read_bytes() == b"half"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


@pytest.mark.slow
def test_another_archive_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose members would be written above the folder."""
    archive = tmp_path / "web" / "evil.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as packed:
        for name in ("../../evil", "cifar-10-batches-py/test_batch"):
            packed.add(__file__, name)
    serve = partial(SimpleHTTPRequestHandler, directory=archive.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/{archive.name}"
        monkeypatch.setattr(cifar10.CIFAR10, "url", url)
        with pytest.raises(DataMissingError, match="corrupted"):
            DATASETS["cifar10"].fetch(tmp_path / "data")
        server.shutdown()
    assert not [path for path in tmp_path.rglob("*") if path.name == "evil"]
    assert list((tmp_path / "data" / "cifar-10-batches-py").iterdir()) == []


def test_a_sound_copy_is_left_alone(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("downloaded although the files are there")

    monkeypatch.setattr(cifar10, "download_and_extract_archive", fail)
    DATASETS["cifar10"].fetch(data_dir)
