"""One call on its way to a Dask worker and back."""

import pickle
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from depthbench.engine.errors import ClusterError


class WhenLoaded:
    """A call that unpickling makes; what it gives takes this object's place."""

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        self._fn = fn
        self._args = args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._fn, self._args


class Task:
    """A call, its future, and where it is on the cluster."""

    def __init__(self, call: bytes) -> None:
        self.call = call
        self.future: Future[Any] = Future()
        self.remote: Any = None
        self.num_starts = 0
        self.num_losses = 0

    def end(self, answer: bytes, error: BaseException | None) -> None:
        """Settle the future, unless its owner has cancelled it."""
        if not self.future.set_running_or_notify_cancel():
            return
        if error is None:
            try:
                result = pickle.loads(answer)
            except Exception as unreadable:
                error = unreadable
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


def explained(error: BaseException) -> BaseException:
    """What a task raised, or why it did not come to be called."""
    if isinstance(error, ImportError) and "depthbench" in str(error):
        return ClusterError(
            f"a Dask worker lacks depthbench, or this version of it ({error}); there, "
            "pip install 'depthbench[dask]'"
        )
    return error
