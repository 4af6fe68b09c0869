"""What is said on standard error besides progress and mistakes."""

import shlex
import sys
from contextlib import suppress

import click


def say(message: str) -> None:
    """One message; to a reader that went away, none."""
    with suppress(OSError):
        click.echo(message, err=True)


def say_how_to_continue() -> None:
    """After an interruption: nothing is lost, and the command that goes on."""
    say(f"stopped; {how_to_continue()}")


def how_to_continue() -> str:
    """That nothing is lost, and the command that goes on."""
    command = shlex.join(["depthbench", *sys.argv[1:]])
    return f"every finished trial is saved. Continue with:\n  {command}"
