"""Ctrl-C and SIGTERM during a run."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted_signals() -> Iterator[Callable[[], int]]:
    """A function that returns the number of the signal that came, 0 before.

    The first Ctrl-C or SIGTERM is only noted, so that a record being written is
    written whole; the second ends the process on the spot.
    """
    received = 0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal received
        del frame
        if received:
            os._exit(128 + number)
        received = number

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, note) for number in signals}
    try:
        yield lambda: received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
