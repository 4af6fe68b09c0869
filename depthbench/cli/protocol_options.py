"""Flags of a protocol beyond plain SGD on whole data."""

import click

from depthbench.cli.parameters import Numbers, Seconds

PROTOCOL_FLAGS = (
    click.option("--optimizer", metavar="NAME", help="sgd or adam. [sgd]"),
    click.option(
        "--nesterov/--no-nesterov", default=None, help="Correct SGD's momentum. [no]"
    ),
    click.option(
        "--l2",
        type=float,
        help="Factor of the sum of squared weights, of convolutions and linear layers, "
        "in the training loss. [0]",
    ),
    click.option(
        "--lr-milestones",
        type=Numbers(int, "EPOCH,EPOCH,...", "6,8"),
        help="Epochs after which the learning rate is multiplied by --lr-gamma.",
    ),
    click.option("--lr-gamma", type=float, help="See --lr-milestones. [0.1]"),
    click.option(
        "--num-validation",
        type=int,
        metavar="N",
        help="Hold the last N training images out and test on them, too. [0]",
    ),
    click.option(
        "--train-limit",
        type=int,
        metavar="N",
        help="Train on the first N images only. [all]",
    ),
    click.option(
        "--normalization",
        metavar="NAME",
        help="Of pixels: data (mean and deviation of the training set) or half (0.5 "
        "and 0.5). [data]",
    ),
    click.option(
        "--max-train-seconds",
        type=Seconds(),
        metavar="SECONDS",
        help="End a trial's training after so long; what it reached counts. [never]",
    ),
)
