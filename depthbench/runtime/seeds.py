"""Random numbers: one generator for each purpose of a trial."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seed_for(*source: int | str) -> int:
    """A seed of 63 bits that a source names: a trial's entropy and a purpose.

    Different sources give independent seeds, and one source gives the same seed in
    every architecture and process.
    """
    digest = hashlib.sha256(":".join(map(str, source)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(*source: int | str) -> "torch.Generator":
    """A CPU generator of its own for a source; see `seed_for`."""
    import torch

    return torch.Generator().manual_seed(seed_for(*source))


@contextmanager
def seeded_global_generators(*source: int | str) -> Iterator[None]:
    """Seed torch's global generators inside the block, and restore them after it.

    For code of users, whose modules draw their default weights from there.
    """
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed_for(*source))
        yield
