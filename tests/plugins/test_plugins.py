"""Architectures of users: from a file, from an installed package, broken ones."""

import importlib
import os
import py_compile
import shutil
import sys
from pathlib import Path

import numpy
import pytest

from depthbench.architectures.definition import Architecture
from depthbench.plugins import ENTRY_POINT_GROUP, load_architectures
from depthbench.spec import DepthGrid

GOOD = """
from depthbench import Stack, architecture

relu_bn = Stack(name="relu_bn", activation="relu", batch_norm=True, lr=0.1)

@architecture("wide", lr=0.02, start=2, step=2, has_train_mode=False)
def wide(depth, *, image_shape, num_classes, generator):
    "A builder of one's own."
    raise AssertionError("built only when trained")

print("plugins may print")
"""


def written(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_adds_descriptions_and_builders(tmp_path, capsys):
    path = written(tmp_path, "mine.py", GOOD)
    registry = load_architectures([path])
    assert list(registry)[-2:] == ["relu_bn", "wide"]
    assert list(registry)[:-2] == list(load_architectures())
    relu_bn, wide = registry["relu_bn"], registry["wide"]
    assert relu_bn.summary == "conv, BN, ReLU; init fan_out"
    assert (wide.lr, wide.grid.start, wide.grid.step) == (0.02, 2, 2)
    assert wide.summary == "A builder of one's own."
    assert wide.source == "mine.py"
    assert wide.has_train_mode is False
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_hash_follows_the_file(tmp_path):
    path = written(tmp_path, "mine.py", GOOD)
    before = load_architectures([path])["wide"].plugin_sha256
    assert load_architectures([path])["wide"].plugin_sha256 == before
    written(tmp_path, "mine.py", GOOD + "\n# changed\n")
    assert load_architectures([path])["wide"].plugin_sha256 != before
    assert load_architectures([path])["elu"].plugin_sha256 is None


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("x = 1\ny = undefined\n", "broken.py:2: NameError"),
        ("def f(:\n", "broken.py:1: SyntaxError"),
        ("import sys\n\nsys.exit(1)\n", "broken.py:3: SystemExit"),
        ("x = 1\n", "broken.py: ValueError: defines no architecture"),
        (
            "from depthbench import Stack\nS = Stack(name='s', activation='rleu')\n",
            "broken.py:2: ValueError: s: activation = 'rleu'",
        ),
        (
            "from depthbench import architecture\n"
            "@architecture('n', lr=0.1, step=0)\ndef n(depth, **_): ...\n",
            "broken.py:2: ValueError: start = 3, step = 0",
        ),
    ],
)
def test_a_broken_file_matters_only_to_who_asks_for_it(tmp_path, text, where):
    broken = written(tmp_path, "broken.py", text)
    good = written(tmp_path, "good.py", GOOD)
    registry = load_architectures([broken, good])
    assert registry["relu_bn"].lr == 0.1
    assert registry["elu"].plugin_sha256 is None
    with pytest.raises(ValueError, match="unknown architecture 'mine'") as caught:
        registry["mine"]
    assert where in str(caught.value)


def test_an_installed_package_adds_one_through_its_entry_point(tmp_path, monkeypatch):
    """A real distribution on the path: metadata, entry point, module."""
    written(tmp_path, "their_nets.py", GOOD)
    info = tmp_path / "their_nets-1.0.dist-info"
    info.mkdir()
    written(info, "METADATA", "Metadata-Version: 2.1\nName: their-nets\nVersion: 1.0\n")
    written(
        info,
        "entry_points.txt",
        f"[{ENTRY_POINT_GROUP}]\n"
        "relu_bn = their_nets:relu_bn\n"
        "nothing = their_nets:missing\n"
        "number = their_nets:__doc__\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    registry = load_architectures()
    assert isinstance(registry["relu_bn"], Architecture)
    assert len(registry["relu_bn"].plugin_sha256) == 64
    reasons = " ".join(registry.broken.values())
    assert "their_nets:missing" in reasons
    assert "an Architecture, a Stack or a DeepConvNet is expected" in reasons
    sys.modules.pop("their_nets", None)


def test_a_description_of_a_deep_convnet_is_found_as_a_stack_is(tmp_path):
    text = (
        "from depthbench import DeepConvNet\n"
        "mine = DeepConvNet(name='mine', widths=(4, 8), pools=(2,))\n"
    )
    registry = load_architectures([written(tmp_path, "mine.py", text)])
    assert registry["mine"].grid == DepthGrid(start=3, step=2)
    other = registry["mine"].with_initializer("default")
    assert other.plugin_sha256 == registry["mine"].plugin_sha256
    assert (other.source, other.initializer) == ("mine.py", "default")


def test_did_you_mean():
    with pytest.raises(ValueError, match="did you mean tanh_glorot"):
        load_architectures()["tanh_gloro"]
    with pytest.raises(ValueError, match="no architecture matches 'resent\\*'"):
        load_architectures().match(["resent*"])
    assert load_architectures().match(["*bn", "elu*"])[:2] == ("elu_bn", "resnet_nobn")


def test_a_taken_name_is_refused_to_who_asks_for_it(tmp_path):
    """Its user may mean either; to measure the built-in in silence would mislead."""
    text = "from depthbench import Stack\nmine = Stack(name='elu', activation='relu')\n"
    registry = load_architectures([written(tmp_path, "mine.py", text)])
    with pytest.raises(ValueError, match=r"mine\.py: the name 'elu' is taken"):
        registry["elu"]
    assert registry["elu_bn"].lr == 0.05


def test_a_file_may_use_dataclasses_with_postponed_annotations(tmp_path):
    text = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from depthbench import Stack\n"
        "@dataclass\nclass Width:\n    channels: int = 4\n"
        "mine = Stack(name='mine', activation='relu')\n"
    )
    registry = load_architectures([written(tmp_path, "mine.py", text)])
    assert not registry.broken
    assert registry["mine"].source == "mine.py"


def test_naming_a_file_or_an_architecture_twice_is_no_collision(tmp_path, monkeypatch):
    """A flag and the environment may name one file; two variables one value."""
    path = written(tmp_path, "mine.py", GOOD + "\nalias = relu_bn\n")
    monkeypatch.chdir(tmp_path)
    registry = load_architectures([path, Path("mine.py"), path])
    assert registry["relu_bn"].lr == 0.1
    assert not registry.broken


def test_one_name_for_two_architectures_in_one_file_is_refused(tmp_path):
    text = GOOD + "\nother = Stack(name='relu_bn', activation='tanh')\n"
    registry = load_architectures([written(tmp_path, "mine.py", text)])
    with pytest.raises(ValueError, match="the name 'relu_bn' is taken"):
        registry["relu_bn"]


USES_HELPER = """
from depthbench import architecture
{imports}

@architecture("wide", lr=0.02)
def wide(depth, *, image_shape, num_classes, generator):
    {inside}
    return BLOCK
"""


def sha256_of(path):
    registry = load_architectures([path])
    assert not registry.broken
    return registry["wide"].plugin_sha256


HELPERS = {
    "beside it": ("from my_block import BLOCK", "", "my_block.py"),
    "relatively": ("from .my_block import BLOCK", "", "my_block.py"),
    "in a package": ("from my_nets.block import BLOCK", "", "my_nets/block.py"),
    "in a folder": ("from my_folder import block\nBLOCK = block.B", "", "{}/block.py"),
    "in a function": ("", "from my_block import BLOCK", "my_block.py"),
    "in a function, relatively": ("", "from . import my_block", "my_block.py"),
    "in a helper's function": ("import my_lazy", "", "my_block.py"),
    "by its path": (
        "from pathlib import Path\nexec(Path({folder}, 'my_block.py').read_text())",
        "",
        "my_block.py",
    ),
    "as data": (
        "from pathlib import Path\nBLOCK = Path({folder}, 'b.json').read_text()",
        "",
        0,
    ),
    "as numbers": ("import numpy\nBLOCK = numpy.load({folder} + '/b.npy')", "", 0),
}


@pytest.mark.parametrize("kind", HELPERS)
def test_the_hash_follows_every_file_that_the_plugin_uses(tmp_path, kind):
    imports, inside, name = HELPERS[kind]
    for folder in ("my_nets", "my_folder", "data"):
        (tmp_path / folder).mkdir()
    written(tmp_path, "my_nets/__init__.py", "")
    written(tmp_path, "my_lazy.py", "def late():\n    import my_block\n")
    written(tmp_path, "b.json", "{}")
    numpy.save(tmp_path / "b.npy", [1.0])
    for helper in ("my_block.py", "my_nets/block.py", "my_folder/block.py"):
        written(tmp_path, helper, "BLOCK = B = 1\n")
    imports = imports.format(folder=repr(str(tmp_path)))
    text = USES_HELPER.format(imports=imports, inside=inside or "pass")
    path = written(tmp_path, "mine.py", text)
    edited = {
        "as data": tmp_path / "b.json",
        "as numbers": tmp_path / "b.npy",
        "in a folder": tmp_path / "my_folder/block.py",
    }.get(kind) or tmp_path / name
    other = written(tmp_path, "unrelated.py", "x = 1\n")
    before = sha256_of(path)
    other.write_text("x = 2\n")
    assert sha256_of(path) == before
    edited.write_bytes(edited.read_bytes() + b" ")
    after = sha256_of(path)
    assert after != before
    # Identity does not depend on where it lies.
    moved = tmp_path / "elsewhere"
    if "{folder}" not in HELPERS[kind][0]:
        shutil.copytree(tmp_path, moved)
        assert sha256_of(moved / "mine.py") == after


def test_the_code_is_that_of_the_hash_whatever_bytecode_lies_there(tmp_path):
    """Python takes bytecode of the same second and size for fresh."""
    helper = written(tmp_path, "my_block.py", "LR = 0.1\n")
    text = (
        "from depthbench import Stack\nfrom my_block import LR\n"
        "mine = Stack(name='mine', activation='relu', lr=LR)\n"
    )
    path = written(tmp_path, "mine.py", text)
    py_compile.compile(str(helper))
    stat = helper.stat()
    helper.write_text("LR = 0.2\n")
    os.utime(helper, (stat.st_atime, stat.st_mtime))
    assert load_architectures([path])["mine"].lr == 0.2
    # And edited while this process lives, as in a notebook.
    helper.write_text("LR = 0.3\n")
    assert load_architectures([path])["mine"].lr == 0.3


def test_a_helper_of_the_same_name_is_never_mistaken_for_another(tmp_path):
    paths = []
    for number, folder in enumerate(("a", "b"), start=1):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder, "my_block.py", f"LR = {number}.0\n")
        text = (
            "from depthbench import Stack\nfrom my_block import LR\n"
            f"mine = Stack(name='mine_{folder}', activation='relu', lr=LR)\n"
        )
        paths.append(written(tmp_path / folder, "mine.py", text))
    both = load_architectures(paths)
    assert both["mine_a"].lr == 1.0
    (reason,) = both.broken.values()
    assert "my_block from" in reason
    assert "rename one" in reason
    assert load_architectures(paths[1:])["mine_b"].lr == 2.0


def test_a_users_own_modules_stay_as_they_are(tmp_path, monkeypatch):
    """A notebook holds on to the module that it imported."""
    written(tmp_path, "their_block.py", "BLOCK = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    theirs = importlib.import_module("their_block")
    text = USES_HELPER.format(imports="from their_block import BLOCK", inside="pass")
    sha256_of(written(tmp_path, "mine.py", text))
    assert sys.modules.pop("their_block") is theirs


def test_a_library_s_settings_are_no_part_of_a_plugin(tmp_path):
    (tmp_path / ".config").mkdir()
    (tmp_path / "nets").mkdir()
    settings = written(tmp_path / ".config", "x", "1")
    text = USES_HELPER.format(
        imports=f"from pathlib import Path\nPath({str(settings)!r}).read_text()",
        inside="pass",
    )
    path = written(tmp_path / "nets", "mine.py", text)
    before = sha256_of(path)
    settings.write_text("2")
    assert sha256_of(path) == before


def test_nor_is_the_metadata_of_a_package_that_looks_for_entry_points(tmp_path):
    """As torch does when it is imported first, which a plugin may be the one to do."""
    metadata = tmp_path / "project.egg-info"
    metadata.mkdir()
    points = written(metadata, "entry_points.txt", "[group]\n")
    path = written(tmp_path, "mine.py", f"open({str(points)!r}).close()\n{GOOD}")
    files = load_architectures([path])["wide"].plugin_files
    assert [file.path.name for file in files] == ["mine.py"]


def test_what_fails_in_a_helper_is_said_with_its_line(tmp_path):
    written(tmp_path, "my_block.py", "\n\nBLOCK = undefined\n")
    text = USES_HELPER.format(imports="from my_block import BLOCK", inside="pass")
    path = written(tmp_path, "mine.py", text)
    (reason,) = load_architectures([path]).broken.values()
    assert reason.startswith(f"{path}:3: NameError")
    assert reason.endswith("my_block.py:3)")
    (tmp_path / "my_block.py").unlink()
    (reason,) = load_architectures([path]).broken.values()
    assert "found beside the plugin or by PYTHONPATH" in reason
