"""Random numbers: one generator for each purpose of a trial."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def seed_for(seed: int, purpose: str) -> int:
    """A seed of 63 bits for one purpose of one trial.

    Purposes at the same seed are independent, and the same purpose at the same seed
    is equal in every architecture, depth and process.
    """
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str) -> "torch.Generator":
    """A CPU generator for one purpose of one trial."""
    import torch

    return torch.Generator().manual_seed(seed_for(seed, purpose))


@contextmanager
def seeded_global_generators(seed: int, purpose: str) -> Iterator[None]:
    """Seed torch's global generators inside the block, and restore them after it.

    For code of users, whose modules draw their default weights from there.
    """
    import torch

    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed_for(seed, purpose))
        yield
