"""A worker process and the pipe to it: how it is started, and its life."""

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from depthbench import runtime

_SPAWN = multiprocessing.get_context("spawn")  # a fork after CUDA's start is broken

# How a call in a worker ended.
RETURNED, RAISED, INSTEAD = "returned", "raised", "instead"

_LAUNCHED = (
    "import sys; from depthbench.engine.child import launched; "
    "launched(int(sys.argv[1]))"
)

Prepare = Callable[[], None]


class Process(Protocol):
    """What a worker process can be asked, however it was started."""

    @property
    def exitcode(self) -> int | None:
        """None while it runs; below 0, the signal that killed it."""

    def is_alive(self) -> bool:
        """Whether it runs."""

    def kill(self) -> None:
        """Kill it, without waiting for its end."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most `timeout` seconds."""


# Starts a process that prepares itself, sends True, and answers calls.
Start = Callable[[Prepare], tuple[Process, Connection]]


def spawn(prepare: Prepare) -> tuple[Process, Connection]:
    """A process of `multiprocessing`, which dies with this one."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_spawned, args=(theirs, prepare), daemon=True)
    with _interrupts_blocked():
        process.start()
    theirs.close()
    return process, ours


def launch(prepare: Prepare, scratch: Path) -> tuple[Process, Connection]:
    """A new interpreter, which dies with this process; not on Windows.

    For where `multiprocessing` refuses, as it does in its own daemons.

    Args:
        prepare: Called first, in the new process; picklable.
        scratch: Folder for its temporary files, whose owner clears them away.
    """
    sent = pickle.dumps(prepare)
    ours, theirs = _SPAWN.Pipe()
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
    return _Launched(process), ours


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes that start here do not notice Ctrl-C, even while they import torch.

    A terminal sends it to all processes; what becomes of a worker is for this one to
    say. They inherit the thread's mask of signals. One for this process waits.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # `multiprocessing` starts this with its first process, and unblocks the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Launched:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def exitcode(self) -> int | None:
        return self._process.poll()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def join(self, timeout: float | None = None) -> None:
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()


def _spawned(pipe: Connection, prepare: Prepare) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel
    _serve(pipe, prepare, lambda: multiprocessing.connection.wait([sentinel]))


def launched(descriptor: int) -> None:
    """The life of a process that `launch` started."""
    pipe = Connection(descriptor)
    prepare = pickle.loads(pipe.recv_bytes())
    _serve(pipe, prepare, lambda: os.read(sys.stdin.fileno(), 1))


def _serve(
    pipe: Connection, prepare: Prepare, wait_for_parent: Callable[[], Any]
) -> None:
    """A worker's life: take calls from the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_after, args=(wait_for_parent,), daemon=True).start()
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


def _die_after(wait: Callable[[], Any]) -> None:
    wait()
    os._exit(1)
