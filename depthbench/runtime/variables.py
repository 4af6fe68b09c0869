"""The environment variables of this process."""

import os
import sys
from contextlib import suppress
from pathlib import Path

DATA_VARIABLE = "DEPTHBENCH_DATA"
PLUGIN_VARIABLE = "DEPTHBENCH_PLUGINS"


class NoHomeError(OSError):
    """There is no folder of this user; the message says how to name one."""


def data_dir() -> Path:
    """Where data sets are kept unless DEPTHBENCH_DATA says otherwise.

    `DEPTHBENCH_DATA` if it is set, else `depthbench` in the user's cache folder.

    Raises:
        NoHomeError: If neither is known.
    """
    if named := os.environ.get(DATA_VARIABLE):
        return Path(named)
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache) / "depthbench"
    try:
        return Path.home() / ".cache" / "depthbench"
    except RuntimeError as error:
        raise NoHomeError(
            "this user has no home folder, so that there is none for data sets: give "
            f"one by --data-dir DIR or {DATA_VARIABLE}=DIR"
        ) from error


def default_data_dir() -> Path | None:
    """The same; None where there is none."""
    with suppress(NoHomeError):
        return data_dir()
    return None


def plugin_paths() -> tuple[Path, ...]:
    """Plugin files named in `DEPTHBENCH_PLUGINS`, separated as in `PATH`."""
    named = os.environ.get(PLUGIN_VARIABLE, "")
    return tuple(Path(part) for part in named.split(os.pathsep) if part)


def child_environment(scratch: Path | None = None) -> dict[str, str]:
    """This process's variables, for one that finds the same modules as this one.

    Args:
        scratch: Where it puts its temporary files; None for where this one does.
    """
    path = os.pathsep.join(filter(None, sys.path))
    temporary = {} if scratch is None else {"TMPDIR": str(scratch)}
    return {**os.environ, "PYTHONPATH": path, **temporary}


def other_hashes() -> dict[str, str]:
    """This process's variables, for one that hashes strings in another way."""
    salt = os.environ.get("PYTHONHASHSEED", "random")
    other = str((int(salt) + 1) % 2**32) if salt.isdigit() else "random"
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": other}


def is_completing() -> bool:
    """Whether a shell started this process to complete a command line."""
    return "_DEPTHBENCH_COMPLETE" in os.environ
