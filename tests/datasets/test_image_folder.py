"""Images of the user's own: the same data whatever lists them, or why not."""

import hashlib
import os
import random
import unicodedata
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_trees import Tree, grown, load, pixels, save, small_tree
from PIL import Image

from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import (
    DataDamagedError,
    DataError,
    DataMissingError,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return grown(tmp_path / "set", small_tree(5, 4))


# What is read


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Any data set of few small PNG and BMP images, grey, in colour or mixed."""
    names = st.text("aB0-_é ~", min_size=1, max_size=4)
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    channels = st.sampled_from(draw(st.sampled_from([((),), ((3,),), ((), (3,))])))
    classes = draw(st.lists(names, min_size=2, max_size=4, unique_by=str.lower))
    tree: Tree = {}
    for split, most in (("train", 4), ("test", 2)):
        for name in classes:
            files = draw(
                st.lists(names, min_size=1, max_size=most, unique_by=str.lower)
            )
            for file in files:
                ending = draw(st.sampled_from(["png", "BMP"]))
                seed = draw(st.integers(0, 2**20))
                tree[f"{split}/{name}/x{file}.{ending}"] = pixels(
                    seed, *shape, *draw(channels)
                )
    return tree


def as_documented(tree: Tree, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of a split, put together by the module's description."""
    paths = [path.split("/") for path in tree]
    classes = sorted({path[1] for path in paths if path[0] == "train"}, key=os.fsencode)
    files = sorted(
        ([name, file] for part, name, file in paths if part == split),
        key=lambda file: [os.fsencode(part) for part in file],
    )
    places = {hashlib.sha256(b"%d" % i).hexdigest(): i for i in range(len(files))}
    images, labels = [], []
    for _, i in sorted(places.items()):
        image = tree["/".join([split, *files[i]])]
        planes = np.stack([image] * 3) if image.ndim == 2 else np.moveaxis(image, 2, 0)
        images.append(planes)
        labels.append(classes.index(files[i][0]))
    made = torch.from_numpy(np.stack(images))
    is_grey = all(image.ndim == 2 for image in tree.values())
    return made[:, :1] if is_grey else made, torch.tensor(labels)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(trees(), st.randoms(use_true_random=False))
def test_the_tree_alone_makes_the_data(tree: Tree, chance: random.Random) -> None:
    paths = list(tree)
    chance.shuffle(paths)
    with TemporaryDirectory() as place:
        folder = grown(Path(place) / "set", {path: tree[path] for path in paths})
        try:
            data = load(folder)
        except DataDamagedError as error:
            assert "the training pixels are all the same" in str(error)
            return
    for split in ("train", "test"):
        images, labels = as_documented(tree, split)
        assert torch.equal(getattr(data, f"{split}_images"), images)
        assert torch.equal(getattr(data, f"{split}_labels"), labels)


def test_the_order_of_a_listing_does_not_matter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load(folder).sha256

    class Backwards:
        def __init__(self, place: Path) -> None:
            with scandir(place) as entries:
                self._entries = sorted(entries, key=lambda entry: entry.name)[::-1]

        def __enter__(self) -> list[os.DirEntry[str]]:
            return self._entries

        def __exit__(self, *_: object) -> None:
            pass

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", Backwards)
    assert load(folder).sha256 == expected


@pytest.mark.slow
def test_the_first_and_last_images_are_a_fair_sample(tmp_path: Path) -> None:
    tree = {
        f"train/{c}/{i}.png": pixels(i, 2, 2) for c in "abcde" for i in range(200)
    } | {f"test/{c}/0.png": pixels(7, 2, 2) for c in "abcde"}
    labels = load(grown(tmp_path / "set", tree)).train_labels
    for part in (labels[:200], labels[-200:]):
        assert all(20 <= number <= 60 for number in part.bincount(minlength=5))


def test_classes_may_lack_in_test_and_hidden_files_are_skipped(folder: Path) -> None:
    expected = load(folder)
    for path in (folder / "test" / "b").iterdir():
        path.unlink()
    (folder / "test" / "b").rmdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / "train" / "a" / name).write_bytes(b"x")
        (folder / "test" / name).write_bytes(b"x")
    (folder / "train" / ".cache").mkdir()
    (folder / "README.txt").write_text("not looked at")
    data = load(folder)
    assert torch.equal(data.train_images, expected.train_images)
    assert data.num_classes == 3
    assert sorted(data.test_labels.tolist()) == [0, 2]


@pytest.mark.parametrize("ending", ["bmp", "png", "ppm", "tif", "webp"])
def test_formats_without_loss_give_the_pixels(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "set"
    for path, image in small_tree(5, 4, 3).items():
        target = (folder / path).with_suffix(f".{ending}")
        target.parent.mkdir(parents=True, exist_ok=True)
        options = {"lossless": True} if ending == "webp" else {}
        Image.fromarray(image).save(target, **options)
    same = grown(tmp_path / "png", small_tree(5, 4, 3))
    assert load(folder).sha256 == load(same).sha256


def test_jpeg_is_close(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8), (16, 1))
    tree = small_tree(16, 16) | {"train/a/0.png": ramp}
    folder = grown(tmp_path / "set", tree)
    expected = load(folder).train_images
    for path in list(tree):
        Image.open(folder / path).save((folder / path).with_suffix(".jpeg"), quality=95)
        (folder / path).unlink()
    near = load(folder).train_images.int() - expected.int()
    assert near.abs().flatten(1).amax(1).min() <= 3


# Kinds of images


def replace_by(folder: Path, image: Image.Image, name: str = "0.png") -> None:
    (folder / "train" / "a" / "0.png").unlink()
    image.save(folder / "train" / "a" / name)


def test_one_bit_is_grey(folder: Path) -> None:
    bits = pixels(3, 5, 4) > 127
    replace_by(folder, Image.fromarray(bits))
    data = load(folder)
    assert data.image_shape == (1, 5, 4)
    found = [image[0].tolist() for image in data.train_images]
    assert (bits * 255).tolist() in found


def test_a_palette_is_resolved(folder: Path) -> None:
    image = Image.fromarray(np.arange(20, dtype=np.uint8).reshape(5, 4) % 3, mode="P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    replace_by(folder, image)
    data = load(folder)
    assert data.image_shape == (3, 5, 4)
    found = [image[:, 0, :3].T.tolist() for image in data.train_images]
    assert [[10, 20, 30], [40, 50, 60], [70, 80, 90]] in found


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_dropped_if_opaque_and_refused_if_not(folder: Path, mode: str) -> None:
    grey = Image.fromarray(pixels(0, 5, 4))
    image = grey.convert(mode)
    image.putalpha(255)
    replace_by(folder, image)
    data = load(folder)
    assert data.image_shape == (1 if mode == "LA" else 3, 5, 4)
    found = [image[0].tolist() for image in data.train_images]
    assert np.asarray(grey).tolist() in found
    image.putpixel((1, 1), (*image.getpixel((1, 1))[:-1], 254))
    replace_by(folder, image)
    with pytest.raises(DataDamagedError, match=r"0\.png is transparent in places"):
        load(folder)


def test_transparency_without_an_alpha_channel_is_seen(folder: Path) -> None:
    (folder / "train" / "a" / "0.png").unlink()
    image = Image.fromarray(np.arange(20, dtype=np.uint8).reshape(5, 4))
    image.save(folder / "train" / "a" / "0.png", transparency=7)
    with pytest.raises(DataDamagedError, match="is transparent in places"):
        load(folder)
    image.save(folder / "train" / "a" / "0.png", transparency=99)
    assert load(folder).image_shape == (1, 5, 4)


def rgb_png_of_16_bits(path: Path) -> None:
    # Pillow writes none.
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        ends = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + ends

    header = struct.pack(">IIBBBBB", 4, 5, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(24) for _ in range(5)))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def grey_of_16_bits(path: Path) -> None:
    Image.fromarray(np.zeros((5, 4), np.uint16)).save(path, "PNG")


def ppm_of_16_bits(path: Path) -> None:
    path.write_bytes(b"P6 4 5 65535\n" + bytes(120))


def cmyk(path: Path) -> None:
    Image.new("CMYK", (4, 5)).save(path, "JPEG")


def two_pictures(path: Path) -> None:
    one = Image.new("L", (4, 5))
    one.save(path, "TIFF", save_all=True, append_images=[one])


def photograph(path: Path) -> None:
    one = Image.new("RGB", (4, 5))
    one.save(path, "MPO", save_all=True, append_images=[one])


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (rgb_png_of_16_bits, "is of mode RGB with 16 bits a channel; convert it"),
        (grey_of_16_bits, "is of mode I;16 with 16 bits a channel; convert it"),
        (ppm_of_16_bits, "is of mode RGB with 16 bits a channel; convert it"),
        (cmyk, "is of mode CMYK; convert it to grey or RGB"),
        (two_pictures, "holds 2 pictures; keep one per file"),
        (photograph, "is a photograph with 1 more behind it, as phones"),
    ],
)
def test_other_kinds_are_refused_by_name(
    folder: Path, write: Callable[[Path], None], complaint: str
) -> None:
    path = folder / "train" / "b" / "1.png"
    path.unlink()
    write(path)
    with pytest.raises(DataDamagedError) as caught:
        load(folder)
    assert f"{path} {complaint}" in str(caught.value)


# What is wrong with a folder


def drop(*parts: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        place = folder.joinpath(*parts)
        for path in sorted(place.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        place.rmdir()

    return spoil


def empty(*parts: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for path in folder.joinpath(*parts).iterdir():
            path.unlink()

    return spoil


def put(name: str, content: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return spoil


def one_class(folder: Path) -> None:
    for split in ("train", "test"):
        drop(split, "b")(folder)
        drop(split, "c")(folder)


def no_test_class(folder: Path) -> None:
    for name in "abc":
        drop("test", name)(folder)


def torn(folder: Path) -> None:
    path = folder / "test" / "c" / "0.png"
    path.write_bytes(path.read_bytes()[:-30])


def gif(folder: Path) -> None:
    Image.fromarray(pixels(0, 5, 4)).save(folder / "train/a/moving.png", "GIF")


def another_size(folder: Path) -> None:
    save(folder / "test" / "c" / "0.png", pixels(0, 5, 7))


@pytest.mark.parametrize(
    ("spoil", "kind", "told"),
    [
        (drop(), DataMissingError, ["needs a folder {}/train: put", "{}/test/CLASS"]),
        (drop("train"), DataMissingError, ["needs a folder {}/train", "--data-dir"]),
        (drop("test"), DataMissingError, ["needs a folder {}/test", "stroke_digits"]),
        (
            put("train/README", b"x"),
            DataDamagedError,
            ["{}/train/README is not a folder", "move it away"],
        ),
        (one_class, DataDamagedError, ["{}/train has too few classes (a)", "two"]),
        (no_test_class, DataDamagedError, ["{}/test has no classes"]),
        (
            put("test/zebra/0.png", b"x"),
            DataDamagedError,
            ["{}/test/zebra is a class that train lacks; known are a, b, c: rename it"],
        ),
        (
            empty("train", "b"),
            DataDamagedError,
            ["{}/train/b has no images; add some, or remove the folder"],
        ),
        (empty("test", "b"), DataDamagedError, ["{}/test/b has no images"]),
        (
            put("train/a/deeper/0.png", b"x"),
            DataDamagedError,
            ["{}/train/a/deeper is not a file", "move it away"],
        ),
        (
            put("train/a/notes.txt", b"hello"),
            DataDamagedError,
            [
                "{}/train/a/notes.txt is not an image of a known format (JPEG, PNG",
                "convert",
            ],
        ),
        (gif, DataDamagedError, ["{}/train/a/moving.png is not an image of a known"]),
        (put("train/a/0.png", b""), DataDamagedError, ["{}/train/a/0.png is not an"]),
        (torn, DataDamagedError, ["{}/test/c/0.png is a damaged image (", "replace"]),
        (
            another_size,
            DataDamagedError,
            [
                "images differ in size (width x height): 8 are 4 x 5, 1 is 7 x 5; ",
                "{}/test/c/0.png is 7 x 5, {}/train/a/0.png 4 x 5; resize them to one",
            ],
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(
    folder: Path, spoil: Callable[[Path], None], kind: type[DataError], told: list[str]
) -> None:
    spoil(folder)
    with pytest.raises(kind) as caught:
        load(folder)
    message = str(caught.value)
    assert message.startswith("folder:set ")
    assert "\n" not in message
    for words in told:
        assert words.replace("{}", str(folder)) in message


@pytest.mark.parametrize(
    ("asked", "there", "told"),
    [
        ("set", "set/val", "there is {}/set/val: rename it to test"),
        ("set", "set/Test", "there is {}/set/Test: rename it to test"),
        ("set", "set/deep/test", "there is {}/set/deep/train: write --data folder:"),
        ("set/train", "set/test", "there is {}/set/train: write --data folder:set"),
        ("set", "beside/set/test", "there is {}/beside/set: write --data folder:"),
    ],
)
def test_what_is_there_instead_is_named(
    asked: str, there: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = (tmp_path / there).with_name("train")
    for place in (tmp_path / there, other):
        for name in "ab":
            (place / name).mkdir(parents=True)
            save(place / name / "0.png", pixels(0, 5, 4))
    (tmp_path / "beside").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "beside")
    with pytest.raises(DataMissingError) as caught:
        DATASETS[f"folder:{asked}"].load(tmp_path)
    assert told.replace("{}", str(tmp_path)) in str(caught.value)


def test_an_archive_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "set.zip").touch()
    for name in ("set", "set.zip"):
        with pytest.raises(DataMissingError, match=r"set\.zip is a file: unpack it"):
            DATASETS[f"folder:{name}"].load(tmp_path)


def test_a_class_has_one_name_however_it_is_composed(tmp_path: Path) -> None:
    names = ("K\u00e4fer", "Zu\u0308rich", os.fsdecode(b"pl\xe4in"))
    for split, form in (("train", "NFC"), ("test", "NFD")):
        for place, name in enumerate(names):
            folder = tmp_path / split / unicodedata.normalize(form, name)
            folder.mkdir(parents=True)
            image = np.full((5, 4), 50 * place, np.uint8)
            save(folder / "0.png", image)
    data = load(tmp_path)
    for images, labels in (
        (data.train_images, data.train_labels),
        (data.test_images, data.test_labels),
    ):
        assert (images[:, 0, 0, 0] // 50).tolist() == labels.tolist()
    twin = unicodedata.normalize("NFD", names[0])
    (tmp_path / "train" / twin).mkdir()
    with pytest.raises(DataDamagedError, match="which look the same: rename one"):
        load(tmp_path)


def test_an_unreadable_folder_is_a_data_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(place: Path) -> None:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataMissingError, match=r"cannot read folder:set: .* denied"):
        load(folder)
