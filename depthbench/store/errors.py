"""What can be wrong with a results folder, in messages for users."""

from pathlib import Path


class StoreError(Exception):
    """A results folder that cannot be read or written; the message is for users."""


class StoreLockedError(StoreError):
    """Another process is writing to this folder."""


class StoreDamagedError(StoreError):
    """Another program changed the records while this process was writing them."""


def store_error(what: str, path: Path, error: OSError, advice: str = "") -> StoreError:
    """`error` as one line: what could not be done, where, why, and what to do."""
    return StoreError(f"{what} {shown(path)}: {error.strerror or error}{advice}")


def shown(path: Path) -> str:
    """A path on one line, whatever its name holds."""
    text = str(path)
    return text if text.isprintable() else repr(text)
