"""What is said on standard error besides progress and mistakes."""

import sys
from contextlib import suppress


def say(message: str) -> None:
    """One message; to a reader that went away, none."""
    with suppress(OSError):
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()
