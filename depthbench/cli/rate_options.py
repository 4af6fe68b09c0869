"""Flags that say which learning rates a study has."""

import click

from depthbench.cli.parameters import Numbers

RATE_FLAGS = (
    click.option(
        "--lr-grid",
        type=Numbers(float, "RATE,RATE,...", "0.005,0.05"),
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
        "--lr-range",
        type=Numbers(float, "LOW:HIGH", "1e-4:1", is_pair=True),
        help="Where to search for it. [1e-4:1]",
    ),
)
