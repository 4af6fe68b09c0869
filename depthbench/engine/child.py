"""A worker process and the pipe to it: how it is started, and its life."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from depthbench import runtime

# How a call in a worker ended.
RETURNED, RAISED, INSTEAD = "returned", "raised", "instead"

_LAUNCHED = (
    "import sys; from depthbench.engine.child import launched; "
    "launched(int(sys.argv[1]))"
)

Prepare = Callable[[], None]


def launch(
    prepare: Prepare, scratch: Path | None = None
) -> tuple["Process", Connection]:
    """A new interpreter that answers calls, and dies with this process; POSIX only.

    It does not run this process's script again, as `multiprocessing` would, and can be
    started in that package's daemons.

    Args:
        prepare: Called first, in the new process; picklable.
        scratch: Folder for its temporary files, whose owner clears them away; None for
            where they usually are.
    """
    sent = pickle.dumps(prepare)
    runtime.open_standard_streams()
    ours, theirs = multiprocessing.Pipe()
    with _interrupts_blocked():
        process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCHED, str(theirs.fileno())],
            # Held open as long as this process lives; its end is the child's.
            stdin=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            env=runtime.child_environment(scratch),
        )
    theirs.close()
    ours.send_bytes(sent)
    return Process(process), ours


# Starts a process that prepares itself, sends True, and answers calls.
Start = Callable[[Prepare], tuple["Process", Connection]]


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes that start here do not notice Ctrl-C, even while they import torch.

    A terminal sends it to all processes; what becomes of a worker is for this one to
    say. They inherit the thread's mask of signals. One for this process waits.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Process:
    """A worker process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        """None while it runs; below 0, the signal that killed it."""
        return self._process.poll()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill it, without waiting for its end."""
        self._process.kill()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most `timeout` seconds."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()


def launched(descriptor: int) -> None:
    """The life of a process that `launch` started: it takes calls from the pipe."""
    # Without a word when the other end is gone, however early.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _serve(Connection(descriptor))


def _serve(pipe: Connection) -> None:
    runtime.open_standard_streams()
    runtime.quiet_libraries()
    prepare: Prepare = pickle.loads(pipe.recv_bytes())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    # Standard output belongs to the results; what a user's module prints does not.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    prepare()
    pipe.send(True)
    while True:
        try:
            fn, args, kwargs = pipe.recv()
        except EOFError:
            return
        try:
            answer = (RETURNED, fn(*args, **kwargs))
        except runtime.ProcessUnusableError as error:
            if error.instead is not None:
                _send(pipe, (INSTEAD, error.instead))
            else:
                print(error, file=sys.stderr)  # noqa: T201
            os._exit(1)
        except Exception as error:
            answer = (RAISED, error)
        _send(pipe, answer)


def _send(pipe: Connection, answer: tuple[str, Any]) -> None:
    """Send an answer; in place of one that does not survive pickling, an error."""
    try:
        pickle.loads(pickle.dumps(answer))
    except Exception as error:
        answer = (RAISED, TypeError(f"{answer[1]!r} cannot be sent: {error!r}"))
    pipe.send(answer)


def _die_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
