"""The files of a published data set: read where they are there, got by torchvision."""

import os
import pickle
import socket
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

from depthbench.datasets.image_data import (
    DataDamagedError,
    DataError,
    DataMissingError,
    ImageData,
)
from depthbench.datasets.nearby import files_instead, with_data_dir

# torchvision sets none, and waits for ever on a network that swallows packets.
_SILENCE_SECONDS = 10.0

# What torchvision's download is known to raise.
_DOWNLOAD_ERRORS = (
    RuntimeError,
    OSError,
    EOFError,
    HTTPException,
    zlib.error,
    tarfile.TarError,
)

# What its readers, which run at the end of a download, raise for other formats.
_PARSE_ERRORS = (
    AssertionError,
    LookupError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)


@dataclass(frozen=True, slots=True)
class OfficialFiles:
    """What a data set is made of.

    Attributes:
        name: As users write it.
        folder: Under the folder of all data sets, with "/".
        files: In it.
        read: The data from that folder, all of its files being there; raises
            `DataDamagedError` or OSError.
        download: Makes the same folder under another one, by torchvision.
        sha256: Of the official arrays, as `ImageData` defines it; None where no
            official copy has been hashed.
        archive: In which all files are published, by name; None if each is its own.
    """

    name: str
    folder: str
    files: tuple[str, ...]
    read: Callable[[Path], ImageData]
    download: Callable[[Path], object]
    sha256: str | None = None
    archive: str | None = None

    def load(self, data_dir: Path) -> ImageData:
        """The data set from the files under `data_dir`; nothing is ever downloaded.

        Raises:
            DataMissingError: If a file is not there or not readable.
            DataDamagedError: If a file has another size or content than it should.
        """
        folder = data_dir / self.folder
        try:
            if missing := self._missing(folder):
                raise DataMissingError(self._missing_message(data_dir, missing))
            return self._read(folder)
        except OSError as error:
            raise DataMissingError(f"cannot read {self.name}: {error}") from error
        except DataDamagedError as error:
            command = f"depthbench data fetch {self.name} --replace"
            raise DataDamagedError(
                f"what {folder} holds is not {self.name}, or is damaged: {error}; "
                f"`{with_data_dir(command, data_dir)}` replaces these files; a set of "
                "your own belongs elsewhere, as folder:PATH; --data stroke_digits "
                "needs no files"
            ) from error

    def fetch(self, data_dir: Path, *, replace: bool = False) -> None:
        """Put the data set under `data_dir`, so that `load` finds it.

        Nothing is downloaded if a sound copy is there. Files that are there stay as
        they are unless `replace` says otherwise. torchvision tries its mirrors and
        checks the MD5 of each archive.

        Raises:
            DataMissingError: If the download fails; the files there stay as they were.
            DataDamagedError: If what was downloaded is not the data set, or what is
                there is not and may not be replaced.
        """
        folder = data_dir / self.folder
        missing = self._missing(folder)
        if not missing:
            try:
                self.load(data_dir)
                return
            except DataError:
                if not replace:
                    raise
        self._download(data_dir, self.files if replace else missing)
        if not replace:
            self.load(data_dir)

    def _missing(self, folder: Path) -> tuple[str, ...]:
        return tuple(file for file in self.files if not (folder / file).is_file())

    def _download(self, data_dir: Path, files: tuple[str, ...]) -> None:
        """Download all, and put `files` into their place."""
        folder = data_dir / self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # torchvision writes under the final names and may take any file it finds
            # there for a good one, hence a folder of its own to download to.
            with TemporaryDirectory(prefix=".fetch-", dir=folder) as staging:
                with redirect_stdout(sys.stderr), _socket_timeout(_SILENCE_SECONDS):
                    self.download(Path(staging))
                fetched = Path(staging) / self.folder
                self._read(fetched)
                for file in files:
                    with (fetched / file).open("rb") as content:
                        os.fsync(content.fileno())
                    (fetched / file).replace(folder / file)
        except (DataDamagedError, *_PARSE_ERRORS) as error:
            reason = str(error) or "it is in no known format"
            raise DataDamagedError(
                f"the downloaded {self.name} is damaged: {reason}"
            ) from error
        except _DOWNLOAD_ERRORS as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            lacking = self._missing(folder)
            found = files_instead(lacking, data_dir, self.folder, self.archive)
            how = found or (
                f"without a network, put {', '.join(self.files)} in {folder}, or use "
                "the built-in --data stroke_digits"
            )
            raise DataMissingError(
                f"could not fetch {self.name}: {reason}; {how}"
            ) from error

    def _read(self, folder: Path) -> ImageData:
        data = self.read(folder)
        if self.sha256 not in (None, data.sha256):
            raise DataDamagedError(
                f"the SHA-256 of its arrays is {data.sha256}, expected {self.sha256}"
            )
        return data

    def _missing_message(self, data_dir: Path, missing: tuple[str, ...]) -> str:
        says = f"{self.name} is not in {data_dir / self.folder}: no "
        says += ", ".join(missing)
        found = files_instead(missing, data_dir, self.folder, self.archive)
        if found:
            return f"{says}; {found}"
        command = with_data_dir(f"depthbench data fetch {self.name}", data_dir)
        sha256 = f" (expected SHA-256 of the arrays: {self.sha256})"
        return (
            f"{says}; run `{command}`, or let --data-dir DIR or DEPTHBENCH_DATA name "
            f"the folder that holds {self.folder}, or use the built-in "
            f"--data stroke_digits{sha256 if self.sha256 else ''}"
        )


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
