"""One of the files that an architecture of a user is made of."""

from pathlib import Path
from typing import NamedTuple


class PluginFile(NamedTuple):
    """A file that belongs to the identity of a plugin's architectures.

    Attributes:
        place: Where it belongs relative to the plugin, with "/"; of the plugin "".
        path: Where it is.
        sha256: Of its content when it was loaded.
    """

    place: str
    path: Path
    sha256: str
