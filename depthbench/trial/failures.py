"""What an error says of a trial that could not be measured."""

import re
import traceback
from pathlib import Path

import torch
from torch import nn

from depthbench.record import Outcome
from depthbench.runtime import is_users_code

# By what an error says, what to change in the network.
_ADVICE = {
    r"mat1 and mat2 shapes": "count the linear layer's inputs from image_shape, or use "
    "nn.LazyLinear or an average pool",
    r"to have \d+ channels, but got": "take as many channels as come in; the images "
    "have image_shape[0]",
    r"modified by an inplace operation": "let it make a new tensor: no x += 1, no "
    "inplace=True",
    r"Expected all tensors to be on the same device": "make tensors on x.device, or "
    "register_buffer",
    r"does not require grad": "let the output depend on the parameters, without "
    "detach() or no_grad()",
    r"unexpected keyword argument '(image_shape|num_classes|generator)'": "a builder "
    "takes (depth, *, image_shape, num_classes, generator)",
    r"view size is not compatible": "use reshape in place of view",
    r"[Kk]ernel size can't be greater|Output size is too small": "pool or stride less; "
    "image_shape says how large images are",
}


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
    """The error's first line, the innermost line of the user's code, what to change.

    Where none of the code is the user's own, the innermost layer.
    """
    said = str(error).strip()
    first = said.splitlines()[0].rstrip() if said else ""
    name = type(error).__name__
    shown = f"{name}: {first}{_where(error)}" if first else f"{name}{_where(error)}"
    advice = next((a for known, a in _ADVICE.items() if re.search(known, first)), None)
    return f"{shown}; {advice}" if advice else shown


def _where(error: BaseException) -> str:
    place, layer = "", ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if is_users_code(file):
            place, layer = f" ({Path(file).name}:{line})", ""
        elif isinstance(module := frame.f_locals.get("self"), nn.Module):
            layer = f" (in {repr(module).splitlines()[0]})"
    return place or layer
