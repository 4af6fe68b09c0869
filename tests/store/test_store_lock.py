"""One writer at a time, on folders and file systems that allow it."""

import errno
import fcntl
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from places import ROOT

from depthbench.store import StoreError, StoreLockedError, open_store, read_records

HOLD = """
import sys
from pathlib import Path
from depthbench.store import open_store
with open_store(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder_of(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the folder open for writing, until it is killed or left."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process


def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    with holder_of(tmp_path) as holder:
        with pytest.raises(StoreLockedError) as caught, open_store(tmp_path):
            pass
        assert f"process {holder.pid} on {platform.node()};" in str(caught.value)
        assert read_records(tmp_path).records == {}


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    with holder_of(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        assert holder.wait() == -signal.SIGKILL
        with open_store(tmp_path):
            writer = json.loads((tmp_path / ".writer.json").read_text())
    assert writer == {"pid": os.getpid(), "host": platform.node()}


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"1", b'{"pid": 1}'])
def test_a_second_writer_is_refused_even_if_nothing_says_who_writes(
    tmp_path: Path, content: bytes | None
) -> None:
    with open_store(tmp_path):
        writer = tmp_path / ".writer.json"
        if content is None:
            writer.unlink()
        else:
            writer.write_bytes(content)
        with (
            pytest.raises(StoreLockedError, match="another process"),
            open_store(tmp_path),
        ):
            pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoreError, match="without working locks"), open_store(tmp_path):
        pass


def test_a_file_system_whose_locks_exclude_nobody_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        pass

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoreError, match="without working locks"), open_store(tmp_path):
        pass


@pytest.mark.parametrize("name", [".lock", ".writer.json", "trials.jsonl"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written_is_found_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    real_open = os.open

    def refuse(path: str, flags: int, mode: int = 0o777) -> int:
        if name in Path(path).name and flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(number, os.strerror(number), path)
        return real_open(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError) as caught, open_store(tmp_path):
        pass
    assert str(caught.value).startswith("cannot write ")
    assert str(tmp_path) in str(caught.value)
    assert str(caught.value).endswith(f": {os.strerror(number)}")
    monkeypatch.undo()
    with open_store(tmp_path):
        pass
