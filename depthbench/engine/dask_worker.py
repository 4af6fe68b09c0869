"""What happens on a Dask worker: each task runs in a child process of its own.

A training changes the state of its process, may end it, and has to be ended at once
when it is given up; a Dask worker's process has threads that train side by side, and
must go on answering its scheduler. So it only looks after children, which are started
and treated as the workers of a local run are.
"""

import importlib.metadata
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from distributed import Worker, WorkerPlugin, get_worker
from distributed.utils import sync

from depthbench import runtime
from depthbench.engine import child
from depthbench.engine.errors import ClusterError
from depthbench.engine.local import LocalProcesses

# A child holds data and a GPU's memory, which others on a cluster may want.
_IDLE_SECONDS = 60.0


class WorkerStoppedError(Exception):
    """The Dask worker was closed before the task was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the tasks of one client have in common.

    Attributes:
        name: Of the client; its children are its alone, and events go by this name.
        prepare: Pickled; called in each child before its first task.
        timeout_seconds: For one task; None for no limit.
        version: Of depthbench, which a worker must have.
    """

    name: str
    prepare: bytes
    timeout_seconds: float | None
    version: str


def call_pickled(call: bytes) -> bytes:
    """A call and its answer that nobody on their way has to understand."""
    fn, args, kwargs = pickle.loads(call)
    try:
        return pickle.dumps(fn(*args, **kwargs))
    except runtime.ProcessUnusableError as error:
        if error.instead is None:
            raise
        other = pickle.dumps((*error.instead, {}))
        again = (call_pickled, (other,))
        raise runtime.ProcessUnusableError(str(error), again) from error


def run_in_child(settings: Settings, key: str, call: bytes) -> bytes:
    """The Dask task `key`: `call_pickled(call)` in a child process.

    Raises:
        ClusterError: If this worker has another version of depthbench.
        WorkerStoppedError: If the worker is closed in the middle.
        WorkerDiedError: As `LocalProcesses`; so do other errors.
    """
    worker = get_worker()
    ours = importlib.metadata.version("depthbench")
    if ours != settings.version:
        raise ClusterError(
            f"the Dask worker {worker.address} has depthbench {ours}, the study is run "
            f"by {settings.version}; install the same version"
        )
    children = _children_on(worker, settings)
    # Counted by the client: a second start means that a worker died.
    worker.log_event(settings.name, key)
    return children.run(key, call)


async def stop_children(name: str, dask_worker: Worker) -> None:
    """End the children of a client on one worker, at the client's end."""
    if name in dask_worker.plugins:
        await dask_worker.plugin_remove(name)


def _children_on(worker: Worker, settings: Settings) -> "Children":
    async def added() -> Children:
        if settings.name not in worker.plugins:
            await worker.plugin_add(Children(settings), settings.name)
        return cast(Children, worker.plugins[settings.name])

    # In the event loop, which is where plugins are used.
    return sync(worker.loop, added)


class Children(WorkerPlugin):
    """The child processes of one client on one worker, one for each running task.

    An idle one is kept for a minute, for the next task; one whose task was cancelled
    is killed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._busy: dict[str, LocalProcesses] = {}
        self._idle: dict[LocalProcesses, threading.Timer] = {}
        self._cancelled: set[str] = set()
        self._is_closed = False

    def setup(self, worker: Worker) -> None:
        """Called by Dask, in the worker's event loop; so are the next two."""
        # Dask removes this folder when the worker closes.
        scratch = Path(worker.local_directory)
        self._start = partial(child.launch, scratch=scratch)

    def teardown(self, worker: Worker) -> None:
        """End every child."""
        del worker
        with self._lock:
            self._is_closed = True
            ended = [*self._busy.values(), *self._idle]
            for timer in self._idle.values():
                timer.cancel()
            self._idle.clear()
        for processes in ended:
            processes.shutdown(wait=False, cancel_futures=True)

    def transition(self, key: Any, start: Any, finish: Any, **kwargs: Any) -> None:
        """End the child of a task that is given up while it runs."""
        del kwargs
        if start not in ("executing", "long-running") or finish != "released":
            return
        with self._lock:
            self._cancelled.add(key)
            processes = self._busy.get(key)
        if processes is not None:
            processes.shutdown(wait=False, cancel_futures=True)

    def run(self, key: str, call: bytes) -> bytes:
        """`call_pickled(call)` in a child."""
        with self._lock:
            if self._is_closed or key in self._cancelled:
                raise WorkerStoppedError
            processes = self._idle_or_new()
            self._busy[key] = processes
        try:
            answer: bytes = processes.submit(call_pickled, call).result()
            return answer
        except CancelledError:
            raise WorkerStoppedError from None
        finally:
            self._give_back(key)

    def _idle_or_new(self) -> LocalProcesses:
        if self._idle:
            processes, timer = self._idle.popitem()
            timer.cancel()
            return processes
        prepare: Callable[[], Any] = partial(call_pickled, self._settings.prepare)
        timeout = self._settings.timeout_seconds
        return LocalProcesses(
            1, prepare=prepare, timeout_seconds=timeout, start=self._start
        )

    def _give_back(self, key: str) -> None:
        with self._lock:
            processes = self._busy.pop(key)
            if self._is_closed or key in self._cancelled:
                return
            timer = threading.Timer(_IDLE_SECONDS, self._expire, args=(processes,))
            timer.daemon = True
            timer.start()
            self._idle[processes] = timer

    def _expire(self, processes: LocalProcesses) -> None:
        with self._lock:
            is_idle = self._idle.pop(processes, None) is not None
        if is_idle:
            processes.shutdown(wait=False, cancel_futures=True)
