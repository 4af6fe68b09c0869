"""The results folder: an append-only file of records that survives `kill -9`.

One writer at a time, held off by an OS lock that dies with its process; readers need
no lock. A record is stored once `Store.append` has returned. `write_atomic` is for
every other file in the folder.
"""

from depthbench.store.errors import StoreDamagedError, StoreError, StoreLockedError
from depthbench.store.files import write_atomic
from depthbench.store.lock import is_being_written
from depthbench.store.trials import (
    TRIALS_NAME,
    Store,
    StoredRecords,
    open_store,
    read_records,
)

__all__ = [
    "TRIALS_NAME",
    "Store",
    "StoreDamagedError",
    "StoreError",
    "StoreLockedError",
    "StoredRecords",
    "is_being_written",
    "open_store",
    "read_records",
    "write_atomic",
]
