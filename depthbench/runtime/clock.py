"""Time, and how busy the machine is."""

import os
import time
from datetime import UTC, datetime


def monotonic_seconds() -> float:
    """Seconds on a clock that no one sets; only differences mean anything."""
    return time.monotonic()


def cpu_seconds() -> float:
    """Processor time of this process, all threads; only differences mean anything."""
    return time.process_time()


def utc_now() -> str:
    """The date and time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def load_average() -> float | None:
    """Mean number of busy or waiting processes in the last minute, where known."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
