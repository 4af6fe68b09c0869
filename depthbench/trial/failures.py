"""What an error says of a trial that could not be measured."""

import traceback
from pathlib import Path

import torch
from torch import nn

from depthbench.record import Outcome
from depthbench.runtime import is_users_code


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
    """The error's first line, and the innermost line of the user's code under it.

    Where none of it is the user's own, the innermost layer.
    """
    said = str(error).strip()
    first = said.splitlines()[0].rstrip() if said else ""
    name = type(error).__name__
    return f"{name}: {first}{_where(error)}" if first else f"{name}{_where(error)}"


def _where(error: BaseException) -> str:
    place, layer = "", ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if is_users_code(file):
            place, layer = f" ({Path(file).name}:{line})", ""
        elif isinstance(module := frame.f_locals.get("self"), nn.Module):
            layer = f" (in {repr(module).splitlines()[0]})"
    return place or layer
