"""Files that are there whole or not at all, and stay there."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from depthbench.store.errors import shown, store_error


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file so that others see its old content or the new, never a part.

    Text is written as UTF-8.

    Raises:
        StoreError: If it cannot be written; no temporary file stays behind.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        _replace(path, data)
    except OSError as error:
        raise store_error("cannot write", path, error) from error


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write `data` to the last byte; usually in one go, but a disk can fill up."""
    while data:
        data = data[os.write(descriptor, data) :]


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, so that they outlast a power failure.

    Raises:
        OSError: If that is not possible, or a file is in the way.
    """
    if folder.is_dir():
        return
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, f"{shown(folder)} is a file")
    if folder.parent != folder:
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Create a folder, and remove it if an error comes while its files are empty.

    Raises:
        OSError: If it cannot be created, or a file is in the way.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            files = list(folder.iterdir()) if missing else []
            if all(path.is_file() and path.stat().st_size == 0 for path in files):
                for path in files:
                    path.unlink()
                for path in missing:
                    path.rmdir()
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
