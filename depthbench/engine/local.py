"""Worker processes of this one."""

import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from multiprocessing.connection import Connection
from typing import Any

from depthbench.engine.child import INSTEAD, RETURNED, Process, Start, launch
from depthbench.engine.errors import (
    TaskTimedOutError,
    WorkerDiedError,
    WorkerStartError,
)


class LocalProcesses(Executor):
    """A fixed number of worker processes.

    A worker that dies (killed, out of memory, a crash in native code) costs only the
    task it held: that is tried once more in a new process, then fails with
    `WorkerDiedError`; or with `WorkerStartError`, if no worker was ever ready. Workers
    end with the process that started them, however that ends, and are deaf to Ctrl-C,
    which is their parent's to handle.

    A task that raises `runtime.ProcessUnusableError` ends its worker, too; if the error
    names another call, a new process makes that one in its place.

    Args:
        num_workers: Processes.
        prepare: Called once in each process before its first task; picklable.
        timeout_seconds: For one task; None for no limit. Starting a process does not
            count.
        start: Starts a process, given `prepare`.
    """

    def __init__(
        self,
        num_workers: int,
        *,
        prepare: Callable[[], None],
        timeout_seconds: float | None = None,
        start: Start = launch,
    ) -> None:
        self._prepare = prepare
        self._start = start
        self._timeout_seconds = timeout_seconds
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._is_stopping = threading.Event()
        self._was_ready = threading.Event()
        self._processes: dict[int, Process] = {}
        self._handlers = [
            threading.Thread(target=self._handle, args=(slot,), daemon=True)
            for slot in range(num_workers)
        ]
        for handler in self._handlers:
            handler.start()

    def submit(
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        """Run `fn(*args, **kwargs)` in a worker; everything must be picklable."""
        future: Future[Any] = Future()
        self._tasks.put(_Task(fn, args, kwargs, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Kill the workers, at once if `cancel_futures`, else after their tasks."""
        if cancel_futures:
            self._is_stopping.set()
            for process in list(self._processes.values()):
                process.kill()
        for _ in self._handlers:
            self._tasks.put(None)
        if wait:
            for handler in self._handlers:
                handler.join()

    def _handle(self, slot: int) -> None:
        """Serve tasks through one worker process, replaced when it dies."""
        worker: _Worker | None = None
        while (task := self._tasks.get()) is not None:
            try:
                worker = self._attempt(slot, worker, task)
            # Whatever it is (no process to be had, nothing that can be pickled), the
            # caller waits for this future.
            except BaseException as error:
                worker = None
                task.fail(error)
        if worker is not None:
            worker.kill()

    def _attempt(
        self, slot: int, worker: "_Worker | None", task: "_Task"
    ) -> "_Worker | None":
        """Settle the task's future, at the second death of a worker at the latest.

        Returns the worker if it lives on; none does after an error of this process.
        """
        while True:
            if worker is None:
                worker = _Worker(*self._start(self._prepare), self._was_ready)
                self._processes[slot] = worker.process
            # Only now: `shutdown` kills the processes it sees after setting the flag.
            if self._is_stopping.is_set():
                task.future.cancel()
                return worker
            try:
                is_settled = worker.settles(task, self._timeout_seconds)
            except BaseException:
                worker.kill()
                raise
            if is_settled and worker.process.is_alive():
                return worker
            worker.kill()
            worker = None
            if is_settled:
                return None


class _Task:
    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        future: Future[Any],
    ) -> None:
        self.call = (fn, args, kwargs)
        self.future = future
        self.num_deaths = 0

    def succeed(self, value: Any) -> None:
        """Settle the future, unless its owner has cancelled it."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """The same, by an error."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


class _Worker:
    """One worker process and the pipe to it."""

    def __init__(
        self, process: Process, pipe: Connection, was_any_ready: threading.Event
    ) -> None:
        self._is_ready = False
        self._was_any_ready = was_any_ready
        self._pipe = pipe
        self.process = process

    def settles(self, task: "_Task", timeout_seconds: float | None) -> bool:
        """Run the task; whether its future is settled now.

        A worker that dies, or has to be killed, is gone afterwards. Its task is left
        unsettled for another attempt unless it was the second that died.
        """
        try:
            if not self._is_ready:
                self._is_ready = self._pipe.recv()
                self._was_any_ready.set()
            self._pipe.send(task.call)
            if not _answers(self._pipe, timeout_seconds):
                self.kill()
                task.fail(TaskTimedOutError(f"took longer than {timeout_seconds:g} s"))
                return True
            ending, value = self._pipe.recv()
        except (EOFError, OSError):
            self.process.join(timeout=5)
            died = _death(self.process.exitcode, self._was_any_ready.is_set())
            self.kill()
            task.num_deaths += 1
            if task.num_deaths == 2:
                task.fail(died)
            return task.num_deaths == 2
        if ending == INSTEAD:
            self.kill()
            fn, args = value
            task.call = (fn, args, {})
            return False
        if ending == RETURNED:
            task.succeed(value)
        else:
            task.fail(value)
        return True

    def kill(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self._pipe.close()


def _answers(pipe: Connection, timeout_seconds: float | None) -> bool:
    """Whether an answer comes in time.

    A stop of this process, or of the machine, counts as one slice of a second at most.
    """
    if timeout_seconds is None:
        return pipe.poll(None)
    left = timeout_seconds
    while left > 0:
        if pipe.poll(min(left, 1.0)):
            return True
        left -= 1.0
    return False


def _death(exit_code: int | None, was_any_ready: bool) -> Exception:
    if exit_code is not None and exit_code < 0:
        how = f"was killed by {signal.Signals(-exit_code).name}"
    else:
        how = f"ended with exit code {exit_code}"
    hint = "; the system may be short of memory" if exit_code == -9 else ""
    if was_any_ready:
        return WorkerDiedError(f"the worker process {how}, twice{hint}")
    return WorkerStartError(
        f"no worker process could begin to work: it {how} before it was ready, "
        f"twice{hint}. No network was looked at yet; what the process printed, above, "
        "says more, and `depthbench env` what is installed"
    )
