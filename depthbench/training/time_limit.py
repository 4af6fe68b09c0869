"""A limit on the time that a training takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from depthbench.runtime import monotonic_seconds


class TimeLimit:
    """Seconds since it was made, those of pauses not counted, against a limit.

    Reads no clock if there is no limit.

    Args:
        seconds: The limit; None for none.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._began = self._now()

    def is_over(self) -> bool:
        """Whether the limit is reached."""
        return self._seconds is not None and self._now() - self._began >= self._seconds

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time that does not count."""
        paused_at = self._now()
        yield
        self._began += self._now() - paused_at

    def _now(self) -> float:
        return 0.0 if self._seconds is None else monotonic_seconds()
