"""Which files are a user's own, and which belong to Python or an installed package."""

import functools
import os
import site
import sysconfig
from pathlib import Path

_SYSTEM = ("/proc", "/sys", "/dev", "/etc")
# What an interactive Python calls the code it was given.
_TYPED = ("<stdin>", "<ipython")


def is_users_file(path: str) -> bool:
    """Whether a file, or the name of a piece of code, is a user's own.

    That is: outside Python's library, site-packages, this package and the system's
    folders. A package installed in editable mode lies in its user's folder, so its
    files are the user's.
    """
    return Path(path).is_absolute() and not path.startswith(_installed())


def is_users_code(filename: str) -> bool:
    """The same of the file name in a stack frame; typed code is the user's."""
    return filename.startswith(_TYPED) or is_users_file(filename)


@functools.cache
def _installed() -> tuple[str, ...]:
    keys = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = sysconfig.get_paths()
    folders = [
        *(paths[key] for key in keys),
        *site.getsitepackages(),
        site.getusersitepackages(),
        str(Path(__file__).parents[1]),
        *_SYSTEM,
    ]
    resolved = [os.path.realpath(folder) for folder in folders]
    return tuple(dict.fromkeys(folder + os.sep for folder in (*folders, *resolved)))
