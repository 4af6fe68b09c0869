"""From an exception to one line on standard error and an exit code."""

import os
import sys
import traceback

import click

NO_EVIDENCE = 1
USAGE = 2
ENVIRONMENT = 3
STORE = 4
INTERRUPTED = 130


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
    if isinstance(error, KeyboardInterrupt | click.Abort):
        print("interrupted; the same command continues", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return USAGE
    message, code = _described(error)
    print(f"depthbench: {message}", file=sys.stderr)  # noqa: T201
    return code


def _described(error: BaseException) -> tuple[str, int]:
    from depthbench.datasets.image_data import DataError
    from depthbench.record import NewerSchemaError
    from depthbench.runtime import DeviceError
    from depthbench.store import StoreDamagedError, StoreError, StoreLockedError

    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "depthbench"
        hint = f"\nsee {command} --help"
        return error.format_message() + hint, USAGE
    if isinstance(error, click.ClickException):
        return error.format_message(), USAGE
    if isinstance(error, StoreLockedError | StoreDamagedError | NewerSchemaError):
        return str(error), STORE
    if isinstance(error, DataError | DeviceError | StoreError | OSError):
        return str(error), ENVIRONMENT
    return (
        f"unexpected {type(error).__name__}: {error}\n"
        "this is a defect of depthbench; run again with --debug for the traceback",
        1,
    )
