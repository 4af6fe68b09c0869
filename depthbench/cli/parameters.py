"""Kinds of values that flags take, checked as they are read."""

import math
from collections.abc import Callable
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


class Number(click.ParamType[float]):
    """A number in a range, which NaN is not.

    Args:
        name: How help shows the value.
        range: In words.
        is_allowed: Whether a number is in it.
    """

    def __init__(
        self, name: str, range: str, is_allowed: Callable[[float], bool]
    ) -> None:
        self.name, self._range, self._is_allowed = name, range, is_allowed

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not self._is_allowed(number):
            self.fail(f"{value!r}: {self._range}", param, ctx)
        return number


SECONDS = Number(
    "SECONDS",
    "seconds, above 0 and at most 2 million",
    lambda seconds: 0 < seconds <= _LONGEST_SECONDS,
)
FRACTION = Number(
    "FRACTION", "a fraction from 0 to below 1", lambda fraction: 0 <= fraction < 1
)


class Numbers(click.ParamType[tuple[Any, ...]]):
    """Numbers between commas, or two with a colon between them.

    Args:
        kind: Of each number.
        name: How help shows the value.
        example: One that is allowed.
        is_pair: Whether it is two with a colon.
    """

    def __init__(
        self,
        kind: type[int] | type[float],
        name: str,
        example: str,
        *,
        is_pair: bool = False,
    ) -> None:
        self.name, self._kind, self._example = name, kind, example
        self._is_pair = is_pair

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """The numbers; whether they make sense is the study's to say."""
        if isinstance(value, tuple):
            return value
        parts = value.split(":" if self._is_pair else ",")
        try:
            if self._is_pair and len(parts) != 2:
                raise ValueError
            return tuple(self._kind(part) for part in parts)
        except ValueError:
            whole = "whole " if self._kind is int else ""
            wanted = f"two {whole}numbers" if self._is_pair else f"{whole}numbers"
            between = "" if self._is_pair else " between commas"
            self.fail(
                f"{value!r}: {wanted}{between}, as in {self._example}", param, ctx
            )


DEPTHS = Numbers(int, "LOW:HIGH", "30:90", is_pair=True)
