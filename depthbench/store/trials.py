"""The records of a study, one JSON line each."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from depthbench.record import (
    NewerSchemaError,
    RecordError,
    TrialRecord,
    from_line,
    sound,
    to_line,
)
from depthbench.store.errors import StoreDamagedError, shown, store_error
from depthbench.store.files import new_folder, write_all, write_atomic
from depthbench.store.lock import WRITER_NAME, hold_lock
from depthbench.text import count

TRIALS_NAME = "trials.jsonl"


@dataclass(frozen=True, slots=True)
class StoredRecords:
    """What a reader finds.

    Attributes:
        records: By trial id, the latest of each, in the order first stored.
        num_damaged: Complete lines that hold no intact record, and were passed over.
    """

    records: Mapping[str, TrialRecord]
    num_damaged: int


def read_records(folder: Path) -> StoredRecords:
    """The records in a folder, also while another process writes to it.

    Raises:
        StoreError: If there is no such folder or it cannot be read.
        NewerSchemaError: If a newer depthbench wrote here.
    """
    try:
        folder.stat()
        scan = _scan(folder / TRIALS_NAME)
    except OSError as error:
        raise store_error("cannot read results in", folder, error) from error
    return StoredRecords(MappingProxyType(scan.records), len(scan.damaged))


@contextmanager
def open_store(folder: Path) -> Iterator["Store"]:
    """Open a results folder as its only writer, creating and repairing it as needed.

    A last line that a killed writer left torn is cut off. Any other damaged line is
    moved to `trials.jsonl.corrupt-<n>`, so that only its trial is done again. A folder
    that is new is gone again if the block fails with nothing written.

    Raises:
        StoreLockedError: If another process has the folder open for writing.
        StoreError: If the folder cannot be created, locked or written.
        NewerSchemaError: If a newer depthbench wrote here; the records stay untouched.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(new_folder(folder))
            stack.enter_context(hold_lock(folder))
            store = Store(folder)
            stack.callback(store.close)
        except OSError as error:
            raise store_error("cannot write results to", folder, error) from error
        yield store


class Store:
    """A results folder open for writing; `open_store` makes one and holds its lock.

    Attributes:
        num_quarantined: Damaged lines that opening moved out of the records.
        quarantine: The file they were moved to, if there were any.
        repairs: What opening found wrong and did about it, a sentence each.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / TRIALS_NAME
        scan = _scan(self._path)
        _remove_leftovers(folder)
        self.num_quarantined = len(scan.damaged)
        self.quarantine = _free_name(folder) if scan.damaged else None
        self.repairs = tuple(_repairs(folder, scan, self.quarantine))
        if self.quarantine is not None:
            write_atomic(self.quarantine, b"\n".join(scan.damaged) + b"\n")
        if not scan.is_clean:
            write_atomic(self._path, scan.intact)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._records = scan.records
        self._size = len(scan.intact)
        self._is_whole = True

    @property
    def records(self) -> Mapping[str, TrialRecord]:
        """By trial id, the latest of each, in the order first stored; a live view."""
        return MappingProxyType(self._records)

    def append(self, record: TrialRecord) -> None:
        """Store a record; it replaces an earlier one of the same trial.

        Once this returns, the record is on the disk. If it raises, every earlier
        record still is, and the store can be used again when the cause is gone.

        Raises:
            StoreError: If it cannot be written: a full disk, an I/O error.
            StoreDamagedError: If another program changed the file.
        """
        line = to_line(record).encode()
        try:
            self._check()
            # Stays False when a signal handler raises half-way, as Ctrl-C does.
            self._is_whole = False
            write_all(self._descriptor, line)
            os.fsync(self._descriptor)
        except OSError as error:
            with suppress(OSError):
                self._cut_back()
            what = f"cannot store trial {record.id} in"
            advice = "; what was stored before is safe, the same command continues it"
            raise store_error(what, self._path, error, advice) from error
        self._size += len(line)
        self._records[record.id] = record
        self._is_whole = True

    def close(self) -> None:
        """Give the file back; the lock is `open_store`'s to release."""
        os.close(self._descriptor)

    def _check(self) -> None:
        if not self._is_whole:
            self._cut_back()
        ours = os.fstat(self._descriptor)
        # Editors and version control put a new file in the old one's place, and what
        # is appended to the old one is lost without an error.
        is_ours = self._path.exists() and os.path.samestat(ours, self._path.stat())
        if not is_ours or ours.st_size != self._size:
            raise StoreDamagedError(
                f"{shown(self._path)} was changed by another program during this run; "
                "see that it is as it should be and give the same command again"
            )

    def _cut_back(self) -> None:
        os.ftruncate(self._descriptor, self._size)
        os.fsync(self._descriptor)
        self._is_whole = True


@dataclass(frozen=True, slots=True)
class _Scan:
    """A records file taken apart.

    Attributes:
        records: By trial id.
        intact: The intact lines, each with a newline.
        damaged: Complete lines that are no intact record.
        torn: The bytes after the last newline, if they are none.
        is_clean: Whether the file is there and holds the intact lines only.
    """

    records: dict[str, TrialRecord]
    intact: bytes
    damaged: tuple[bytes, ...]
    torn: bytes
    is_clean: bool


def _scan(path: Path) -> _Scan:
    data = path.read_bytes() if path.exists() else None
    # The last piece lacks its newline. It is empty, or torn, or being written; or it
    # is a whole record, as good as any.
    lines = (data or b"").split(b"\n")
    records: dict[str, TrialRecord] = {}
    intact: list[bytes] = []
    damaged: list[bytes] = []
    torn = b""
    for number, line in enumerate(lines, start=1):
        try:
            record = from_line(line.decode())
        except NewerSchemaError as error:
            raise NewerSchemaError(f"{shown(path)}: {error}") from error
        except (RecordError, UnicodeDecodeError):
            if number == len(lines):
                torn = line
            elif line:
                damaged.append(line)
            continue
        records[record.id] = sound(record)
        intact.append(line + b"\n")
    whole = b"".join(intact)
    return _Scan(records, whole, tuple(damaged), torn, is_clean=whole == data)


def _repairs(folder: Path, scan: _Scan, quarantine: Path | None) -> Iterator[str]:
    if quarantine is not None:
        yield (
            f"{count(len(scan.damaged), 'damaged record')} moved to {shown(quarantine)}"
            "; what is missing is run again"
        )
    if scan.torn and not scan.torn.strip(b"\0"):
        yield (
            f"{TRIALS_NAME} ended in {count(len(scan.torn), 'zero byte')}, as a power "
            "failure leaves them; cut off"
        )
    elif scan.torn:
        yield (
            f"{TRIALS_NAME} ended in the midst of a record, as a killed run leaves it; "
            f"{count(len(scan.torn), 'byte')} cut off, the trial is run again"
        )
    listed = _num_listed(folder)
    if not scan.records and listed:
        yield (
            f"{TRIALS_NAME} holds no record, though trials.csv lists "
            f"{count(listed, 'trial')}: if it was emptied or removed by mistake, stop "
            "this run and put it back"
        )


def _num_listed(folder: Path) -> int:
    """Trials in the table that the last report wrote; 0 without one."""
    with suppress(OSError):
        return max(0, len((folder / "trials.csv").read_bytes().splitlines()) - 1)
    return 0


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed writer left; only the lock's holder writes these files."""
    for name in (TRIALS_NAME, WRITER_NAME):
        for leftover in folder.glob(f".{name}.*.tmp"):
            leftover.unlink()


def _free_name(folder: Path) -> Path:
    taken = {path.name for path in folder.iterdir()}
    number = 1
    while (name := f"{TRIALS_NAME}.corrupt-{number}") in taken:
        number += 1
    return folder / name
