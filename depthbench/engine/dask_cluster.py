"""A Dask cluster that others started, as a `concurrent.futures.Executor`."""

import importlib.metadata
import pickle
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any

from distributed import KilledWorker

from depthbench import runtime
from depthbench.engine.dask_scheduler import (
    connected,
    needed_resources,
    num_slots,
    workers_of,
)
from depthbench.engine.dask_task import Task, WhenLoaded, explained
from depthbench.engine.dask_worker import (
    Settings,
    WorkerStoppedError,
    run_in_child,
    stop_children,
)
from depthbench.engine.errors import ClusterLostError, WorkerDiedError

_LOOK_SECONDS = 2.0  # workers come and go by minutes


class DaskCluster(Executor):
    """Calls run on the workers of a Dask cluster, each in a process of its own.

    Dask workers may join and leave at any time. One that is lost costs only the tasks
    it held: each is run once more, and then fails with `WorkerDiedError`. What ends a
    child process on a worker costs what it costs in `LocalProcesses`.

    Where workers declare the resource (`dask worker --resources "GPU=1"`), a task takes
    one unit of it, and workers without it get none. Without, there is a task for each
    thread of a worker; but a GPU has to be declared.

    Args:
        address: Of the scheduler, "tcp://HOST:PORT".
        resource: "CPU" or "GPU".
        prepare: Called once in each process before its first task; picklable.
        timeout_seconds: For one task; None for no limit. Neither waiting for a worker
            nor starting a process counts.

    Raises:
        ClusterError: If no scheduler answers within 5 s.
    """

    def __init__(
        self,
        address: str,
        *,
        resource: str,
        prepare: Callable[[], None],
        timeout_seconds: float | None = None,
    ) -> None:
        self._address = address
        self._resource = resource
        self._settings = Settings(
            name=f"depthbench-{uuid.uuid4().hex}",
            prepare=pickle.dumps((prepare, (), {})),
            timeout_seconds=timeout_seconds,
            version=importlib.metadata.version("depthbench"),
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._looked_at: float | None = None
        self._needed: dict[str, float] = {}
        self._is_shut = False
        self._client = connected(address)
        self._workers = workers_of(self._client)
        self._client.subscribe_topic(self._settings.name, self._note_start)

    def num_slots(self) -> int:
        """Tasks that can run at once on the workers of this moment, give or take 2 s.

        Raises:
            ClusterLostError: If the scheduler is gone.
        """
        now = runtime.monotonic_seconds()
        if self._client.status != "running":
            raise self._lost()
        if self._looked_at is None or now - self._looked_at > _LOOK_SECONDS:
            try:
                self._workers = workers_of(self._client)
            except Exception as error:
                raise self._lost() from error
            self._looked_at = now
        return num_slots(self._workers, self._resource)

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        """Run `fn(*args, **kwargs)` on a worker, now or when one is free.

        Raises:
            ClusterError: If a GPU is needed and no worker declares one.
            ClusterLostError: If the scheduler is gone.
        """
        task = Task(pickle.dumps((fn, args, kwargs)))
        self._start(task)
        return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; the children on its workers are killed.

        At once if `cancel_futures`, else after their tasks.
        """
        if wait and not cancel_futures:
            for task in list(self._tasks.values()):
                task.future.exception()
        with self._lock:
            if self._is_shut:
                return
            self._is_shut = True
        # On a cluster that is gone there is nothing to leave.
        with suppress(Exception):
            if self._client.status == "running":
                remote = [task.remote for task in self._tasks.values() if task.remote]
                self._client.cancel(remote)
                self._client.run(stop_children, self._settings.name, on_error="ignore")
        with suppress(Exception):
            self._client.close(timeout=2)
        for task in list(self._tasks.values()):
            task.future.cancel()

    def _start(self, task: Task) -> None:
        key = f"trial-{uuid.uuid4().hex}"
        workers, resource = self._workers, self._resource
        self._needed = needed_resources(workers, resource, before=self._needed)
        if self._client.status != "running":
            raise self._lost()
        with self._lock:
            self._tasks[key] = task
        # Dask knows of bytes alone: a worker that cannot read what it is sent dies, and
        # a scheduler that cannot refuses it. So depthbench has to be on workers only,
        # and one without it says so.
        task.remote = self._client.submit(
            pickle.loads,
            pickle.dumps(WhenLoaded(run_in_child, self._settings, key, task.call)),
            key=key,
            pure=False,
            resources=self._needed,
        )
        task.remote.add_done_callback(partial(self._settle, key))

    def _note_start(self, event: tuple[float, Any]) -> None:
        """A worker began a task: for the third time, after two that died?"""
        _, key = event
        with self._lock:
            task = self._tasks.get(key)
            if task is None:
                return
            task.num_starts += 1
            if task.num_starts <= 2:
                return
        self._finish(key, error=_died())
        task.remote.release()

    def _settle(self, key: str, remote: Any) -> None:
        """Pass on how a task ended; start it again if its worker was lost."""
        task = self._tasks.get(key)
        if task is None or self._is_shut:
            return
        try:
            if remote.cancelled():
                raise self._lost()
            answer = remote.result()
        except (KilledWorker, WorkerStoppedError):
            self._again(key, task)
        except BaseException as error:
            is_task_s = remote.status == "error"
            self._finish(key, error=explained(error) if is_task_s else self._lost())
        else:
            self._finish(key, answer)

    def _again(self, key: str, task: Task) -> None:
        task.num_losses += 1
        if max(task.num_losses, task.num_starts) >= 2:
            self._finish(key, error=_died())
            return
        with self._lock:
            del self._tasks[key]
        try:
            self._start(task)
        except Exception as error:
            task.future.set_exception(error)

    def _finish(
        self, key: str, answer: bytes = b"", error: BaseException | None = None
    ) -> None:
        with self._lock:
            task = self._tasks.pop(key, None)
        if task is None:
            return
        # `shutdown` may have been quicker.
        with suppress(InvalidStateError):
            task.end(answer, error)

    def _lost(self) -> ClusterLostError:
        return ClusterLostError(
            f"the connection to the Dask scheduler {self._address} was lost"
        )


def _died() -> WorkerDiedError:
    return WorkerDiedError("the Dask worker was lost, twice")
