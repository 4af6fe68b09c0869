"""Flags that say which learning rates a study has."""

from typing import Any

import click


class Rates(click.ParamType[tuple[float, ...]]):
    """Learning rates between commas."""

    name = "RATE,RATE,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """The rates; whether they make sense is the study's to say."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(each) for each in value.split(","))
        except ValueError:
            self.fail(
                f"{value!r}: numbers between commas, as in 0.005,0.05", param, ctx
            )


class RateRange(click.ParamType[tuple[float, float]]):
    """LOW:HIGH, two numbers."""

    name = "LOW:HIGH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """The pair; whether it makes sense is the study's to say."""
        if isinstance(value, tuple):
            return value
        low, _, high = value.partition(":")
        try:
            return float(low), float(high)
        except ValueError:
            self.fail(f"{value!r}: two numbers, as in 1e-4:1", param, ctx)


RATE_FLAGS = (
    click.option(
        "--lr-grid",
        type=Rates(),
        help="Learning rates, each with a search of its own.",
    ),
    click.option(
        "--lr-scaling",
        type=float,
        metavar="EXPONENT",
        help="One more search, its learning rate a power of depth, as -1.5.",
    ),
    click.option(
        "--lr-depth",
        type=int,
        metavar="DEPTH",
        help="Where the scaled rate is the architecture's own. [its shallowest]",
    ),
    click.option(
        "--tune-lr",
        type=int,
        metavar="N",
        help="Search for the learning rate at each depth, among at most N.",
    ),
    click.option(
        "--lr-range", type=RateRange(), help="Where to search for it. [1e-4:1]"
    ),
)
