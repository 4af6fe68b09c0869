"""What is said on standard error besides progress and mistakes."""

import shlex
import sys

from depthbench.study.messages import say

__all__ = ["how_to_continue", "say", "say_how_to_continue"]


def say_how_to_continue() -> None:
    """After an interruption: nothing is lost, and the command that goes on."""
    say(f"stopped; {how_to_continue()}")


def how_to_continue() -> str:
    """That nothing is lost, and the command that goes on."""
    command = shlex.join(["depthbench", *sys.argv[1:]])
    return f"every finished trial is saved. Continue with:\n  {command}"
