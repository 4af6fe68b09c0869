"""Where daemons and containers run commands: without streams, without a home."""

import os
import pwd
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from depthbench import cli, runtime
from depthbench.runtime import variables
from depthbench.store import read_records

COMMAND = f"{sys.executable} -m depthbench"
TINY = (
    "run --arch tanh_naive --data folder:set --data-dir . --search grid --depths 3:3 "
    "--seeds 1 --epochs 1 --workers 1 --device cpu"
)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with a set of images to train on in no time, for every user."""
    source = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("dark", "light"):
            folder = tmp_path / "set" / split / name
            folder.mkdir(parents=True)
            for number in range(10):
                low = 0 if name == "dark" else 120
                pixels = source.integers(low, low + 120, (28, 28), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    for folder in (tmp_path, *(p for p in tmp_path.parents if "pytest-of-" in str(p))):
        folder.chmod(0o777)
    return tmp_path


def shell(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        check=False,
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    "closed",
    [
        ">&- 2>&-",
        *(pytest.param(c, marks=pytest.mark.slow) for c in (">&-", "2>&-", "<&-")),
    ],
)
def test_a_run_needs_no_standard_streams(closed: str, images: Path) -> None:
    ended = shell(f"{COMMAND} {TINY} --out r {closed}", images)
    assert ended.returncode == 0, ended.stderr
    (record,) = read_records(images / "r").records.values()
    assert record.outcome.is_evidence


@pytest.mark.slow
def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    assert shell(f"{COMMAND} list >&-", tmp_path).returncode == 0
    ended = shell(f"{COMMAND} list > /dev/full", tmp_path)
    assert ended.returncode == 3
    assert ended.stderr == "depthbench: [Errno 28] No space left on device\n"


@pytest.mark.slow
def test_a_terminal_without_utf_8(images: Path) -> None:
    (images / "set").rename(images / "Ärger")
    plain = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 PYTHONIOENCODING="
    command = f"{plain} {COMMAND} data verify folder:Ärger --data-dir ."
    ended = shell(command, images)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("folder:")
    assert "rger: 20 + 20 images" in ended.stdout


def test_who_has_no_home_is_told_how_to_name_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "DEPTHBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["depthbench", "data", "verify", "mnist"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    err = capsys.readouterr().err
    assert err.startswith("depthbench: this user has no home folder")
    assert "--data-dir DIR or DEPTHBENCH_DATA=DIR" in err
    assert runtime.default_data_dir() is None
    monkeypatch.setattr(sys, "argv", ["depthbench", "env"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "none: give DEPTHBENCH_DATA" in capsys.readouterr().out
    monkeypatch.setenv(variables.DATA_VARIABLE, str(tmp_path))
    assert runtime.data_dir() == tmp_path


def as_user(uid: int) -> None:
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize("home", [{}, {"HOME": "/"}, {"HOME": "/nonexistent"}])
def test_a_user_without_a_name_can_run(home: dict[str, str], images: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if k != "HOME"}
    user = partial(as_user, 54321)
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, preexec_fn=user)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("another user cannot start this Python")
    ended = subprocess.run(
        f"{COMMAND} {TINY} --out r",
        check=False,
        shell=True,
        cwd=images,
        env=kept | home | {"DEPTHBENCH_DATA": str(images)},
        preexec_fn=user,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert len(read_records(images / "r").records) == 1
    assert "Warning" not in ended.stderr
