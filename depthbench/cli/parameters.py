"""Kinds of values that flags take, checked as they are read."""

import math
from pathlib import Path
from typing import Any

import click

# 23 days: the system waits for at most 2^31 milliseconds.
_LONGEST_SECONDS = 2e6


class FolderPath(click.Path):
    """A folder, there or not; the empty text, which means the current one, is not."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """The path."""
        if value == "":
            self.fail("the name of a folder is empty", param, ctx)
        return super().convert(value, param, ctx)


class Seconds(click.ParamType[float]):
    """A duration above 0 that a clock can wait for."""

    name = "SECONDS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number of seconds."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 < seconds <= _LONGEST_SECONDS:
            self.fail(f"{value!r}: seconds, above 0 and at most 2 million", param, ctx)
        return seconds


class Depths(click.ParamType[tuple[int, int]]):
    """LOW:HIGH, two whole numbers."""

    name = "LOW:HIGH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """The pair; whether it makes sense is the study's to say."""
        if isinstance(value, tuple):
            return value
        low, _, high = value.partition(":")
        try:
            return int(low), int(high)
        except ValueError:
            self.fail(f"{value!r}: two whole numbers, as in 30:90", param, ctx)
