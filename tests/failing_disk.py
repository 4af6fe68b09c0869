"""A disk on which chosen calls fail."""

import os
import stat
from collections.abc import Callable
from typing import Any

import pytest


class Disk:
    """Counts the calls that change the disk, and fails those in `failing`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: int = 0) -> None:
        self.num_calls = 0
        self.calls: list[str] = []
        self.failing = range(0)
        self.error = error
        for name in ("write", "fsync", "replace", "ftruncate", "mkdir", "unlink"):
            monkeypatch.setattr(os, name, self._failing(name, getattr(os, name)))

    def _failing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.num_calls += 1
            is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(*arguments).st_mode)
            self.calls.append(f"{name} folder" if is_folder else name)
            if self.num_calls not in self.failing:
                return real(*arguments, **options)
            if name == "write":
                real(arguments[0], arguments[1][: len(arguments[1]) // 2])
            raise OSError(self.error, os.strerror(self.error))

        return call
