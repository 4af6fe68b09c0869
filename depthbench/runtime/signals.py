"""Ctrl-C and SIGTERM while something runs that should end in good order."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noted_signals() -> Iterator[Callable[[], int]]:
    """A function that returns the number of the signal that came, 0 before.

    The first Ctrl-C or SIGTERM is only noted, so that a record being written is
    written whole. The second one does at once what it did before. Python handles
    signals in the main thread alone; in another, nothing is noted.
    """
    received = 0

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal received
        del frame
        if received:
            _restore(before)
            signal.raise_signal(number)
        received = number

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield lambda: received
    finally:
        _restore(before)


def end_by_signal(number: int) -> None:
    """Do now what a signal that was noted does; for Ctrl-C, raise `KeyboardInterrupt`.

    Raises:
        KeyboardInterrupt: Also if the signal is ignored.
    """
    signal.raise_signal(number)
    raise KeyboardInterrupt


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
