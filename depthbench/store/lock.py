"""One writer a results folder, by an OS lock that dies with its process."""

import errno
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from depthbench.store.errors import StoreError, StoreLockedError, shown
from depthbench.store.files import write_atomic

# Apart from the lock file, whose content belongs to the locking library.
WRITER_NAME = ".writer.json"

_LOCK_NAME = ".lock"
_NO_LOCKING = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Be the only writer of `folder`, and tell others who try who that is.

    Raises:
        StoreLockedError: If another process is.
        StoreError: If the file system cannot lock, or nothing can be written.
        OSError: If there can be no lock file.
    """
    lock = _acquire(folder)
    try:
        writer = {"pid": os.getpid(), "host": platform.node()}
        write_atomic(folder / WRITER_NAME, json.dumps(writer) + "\n")
        yield
    finally:
        with suppress(OSError):
            (folder / WRITER_NAME).unlink()
        lock.release()


def is_being_written(folder: Path) -> bool:
    """Whether a process says that it writes here; asks without taking the lock.

    One of this machine that was killed is known to be gone, one of another is not.
    """
    try:
        writer = json.loads((folder / WRITER_NAME).read_bytes())
        pid, host = int(writer["pid"]), writer["host"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    if host != platform.node():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is another user's
    return True


def _acquire(folder: Path) -> FileLock:
    lock = _new_lock(folder)
    try:
        lock.acquire()
    except Timeout:
        raise StoreLockedError(
            f"{shown(folder)} is being written by {_writer(folder)}; wait for it to "
            "end, or give another folder"
        ) from None
    except NotImplementedError as error:
        raise _no_locking(folder) from error
    except OSError as error:
        if error.errno in _NO_LOCKING:
            raise _no_locking(folder) from error
        raise
    # Some network file systems grant every lock to everyone.
    try:
        _new_lock(folder).acquire()
    except Timeout:
        return lock
    raise _no_locking(folder)


def _new_lock(folder: Path) -> FileLock:
    # The library's fallback, a lock by a file's existence, outlives a killed process.
    return FileLock(
        folder / _LOCK_NAME, blocking=False, thread_local=False, fallback_to_soft=False
    )


def _no_locking(folder: Path) -> StoreError:
    return StoreError(
        f"{shown(folder)} is on a file system without working locks, where a second "
        "writer could not be kept out; give a folder on another disk"
    )


def _writer(folder: Path) -> str:
    try:
        writer = json.loads((folder / WRITER_NAME).read_bytes())
        return f"process {writer['pid']} on {writer['host']}"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"
