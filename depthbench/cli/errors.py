"""From an exception to one line on standard error and an exit code."""

import os
import shlex
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from depthbench.study.messages import say

NO_EVIDENCE = 1
CHECK_FAILED = 1
WORSE = 1
USAGE = 2
ENVIRONMENT = 3
STORE = 4
UNRESOLVED = 5


class TerminatedError(BaseException):
    """SIGTERM came."""


def terminate(number: int, frame: FrameType | None) -> None:
    """Signal handler: end as after an exception, so that workers are ended too."""
    del number, frame
    raise TerminatedError


@contextmanager
def usage_errors() -> Iterator[None]:
    """What the block refuses is an error in the use of the command."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@contextmanager
def stopping_with(message: str) -> Iterator[None]:
    """Say this if the block is interrupted, and end with the exit code of that."""
    try:
        yield
    except (KeyboardInterrupt, TerminatedError) as stop:
        say(message)
        raise click.exceptions.Exit(_code_of_signal(stop)) from stop


def _code_of_signal(stop: BaseException) -> int:
    is_terminated = isinstance(stop, TerminatedError)
    return 128 + (signal.SIGTERM if is_terminated else signal.SIGINT)


def explain(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong and what to do; return the exit code.

    An error that nobody foresaw is a defect: its last line is shown, and all of it
    with `--debug`.
    """
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, BrokenPipeError):
        # The reader went away (`| head`). Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if debug:
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt | click.Abort | TerminatedError):
        say(f"stopped; {_how_to_continue()}")
        # All is stored: a further signal ends Python's own exit without a word.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        return _code_of_signal(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return USAGE
    message, code = _described(error)
    print(f"depthbench: {message}", file=sys.stderr)  # noqa: T201
    return code


def _described(error: BaseException) -> tuple[str, int]:
    from depthbench.datasets.image_data import DataError
    from depthbench.engine import ClusterError, ClusterLostError, WorkerStartError
    from depthbench.kernels.compiled import KernelsUnusableError
    from depthbench.record import NewerSchemaError
    from depthbench.runtime import DeviceError
    from depthbench.spec import UsageError
    from depthbench.store import StoreDamagedError, StoreError, StoreLockedError
    from depthbench.study.compare import NothingToCompareError

    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "depthbench"
        return f"{error.format_message()}\nsee {command} --help", USAGE
    if isinstance(error, click.ClickException):
        return error.format_message(), USAGE
    if isinstance(error, NothingToCompareError):
        return f"unresolved: {error}", UNRESOLVED
    if isinstance(error, ClusterLostError):
        return f"{error}\n{_how_to_continue()}", NO_EVIDENCE
    codes: dict[int, tuple[type[Exception], ...]] = {
        USAGE: (UsageError,),
        STORE: (StoreLockedError, StoreDamagedError, NewerSchemaError),
        ENVIRONMENT: (
            ClusterError,
            DataError,
            DeviceError,
            KernelsUnusableError,
            StoreError,
            WorkerStartError,
            OSError,
        ),
    }
    for code, kinds in codes.items():
        if isinstance(error, kinds):
            return str(error), code
    return (
        f"unexpected {type(error).__name__}: {error}\n"
        "this is a defect of depthbench; run again with --debug for the traceback",
        1,
    )


def _how_to_continue() -> str:
    command = shlex.join(["depthbench", *sys.argv[1:]])
    return f"every finished trial is saved. Continue with:\n  {command}"
