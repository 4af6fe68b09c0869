"""What an error says of a trial that could not be measured."""

import traceback
from pathlib import Path

import torch

from depthbench.record import Outcome


def failure_of(error: BaseException) -> tuple[Outcome, str]:
    """The outcome of a trial that ended in an error, and the message of its record."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return Outcome.OUT_OF_MEMORY, str(error)
    # The CPU allocator raises a plain RuntimeError.
    lacks_memory = isinstance(error, RuntimeError) and (
        "can't allocate memory" in str(error)
    )
    outcome = Outcome.OUT_OF_MEMORY if lacks_memory else Outcome.CRASHED
    return outcome, described(error)


def described(error: BaseException) -> str:
    """The error, and the innermost line of the code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{at}"
