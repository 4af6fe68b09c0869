"""Where the trials of a run are trained: in processes of this machine, or by Dask."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from depthbench import runtime
from depthbench.engine.errors import ClusterError
from depthbench.spec import UsageError

EngineName = Literal["local", "dask"]

_ADDRESS = r"(tcp|tls|ucx|wss?)://\S+:\d+"
# 23 days: the system waits for at most 2^31 milliseconds.
_LONGEST_SECONDS = 2e6


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """Where trials are trained.

    Attributes:
        scheduler: Address of a Dask scheduler; None for this machine.
        max_workers: Trials at once, at most; None for what there is.
        timeout_seconds: For one trial; None for no limit.
        data_dir: If one was named; on the workers, if they are elsewhere.
        may_fetch: Whether a data set that is missing here is fetched; on the workers of
            a cluster it never is.
    """

    scheduler: str | None = None
    max_workers: int | None = None
    timeout_seconds: float | None = None
    data_dir: Path | None = None
    may_fetch: bool = True

    def device(self, asked: str) -> Literal["cpu", "cuda"]:
        """`cpu` or `cuda` for `auto`, `cpu` or `cuda`, where trials are trained.

        Raises:
            DeviceError: If this machine has to train on a GPU it lacks.
            ClusterError: If the cluster cannot be reached, or has no workers yet that
                would decide what `auto` is.
        """
        if self.scheduler is None:
            return runtime.resolve_device(asked)
        if asked != "auto":
            return "cuda" if asked == "cuda" else "cpu"
        from depthbench.engine.dask_scheduler import look_at, num_slots

        workers = look_at(self.scheduler)
        if not workers:
            raise ClusterError(
                f"the Dask cluster at {self.scheduler} has no workers yet that would "
                "decide between device cpu and cuda; name one"
            )
        return "cuda" if num_slots(workers, "GPU") else "cpu"

    def num_workers(self, device: str) -> int:
        """Trials at once, as things stand.

        Raises:
            ClusterError: If the cluster cannot be reached.
        """
        if self.scheduler is None:
            return self.max_workers or (1 if device == "cuda" else runtime.num_cores())
        from depthbench.engine.dask_scheduler import look_at, num_slots

        return self.at_most(num_slots(look_at(self.scheduler), resource_of(device)))

    def at_most(self, number: int) -> int:
        """`number` of workers within the limit, and at least one."""
        return max(1, min(number, self.max_workers or number))


def engine_choice(
    engine: str,
    scheduler: str | None,
    *,
    workers: int | None = None,
    timeout: float | None = None,
    data_dir: Path | None = None,
    may_fetch: bool = True,
) -> EngineChoice:
    """What these arguments of a run, alike in flags and in Python, stand for.

    Raises:
        UsageError: If they contradict each other, or Dask is not installed.
    """
    if engine not in get_args(EngineName):
        raise UsageError(f"engine = {engine}: one of {', '.join(get_args(EngineName))}")
    if workers is not None and workers < 1:
        raise UsageError(f"workers = {workers}: a whole number of at least 1")
    if timeout is not None and not 0 < timeout <= _LONGEST_SECONDS:
        raise UsageError(f"timeout = {timeout}: seconds, above 0 and at most 2 million")
    if engine == "dask":
        _check_dask(scheduler)
    elif scheduler:
        raise UsageError(
            f"scheduler = {scheduler}: only for engine = dask; give both, or neither"
        )
    return EngineChoice(
        scheduler=scheduler,
        max_workers=workers,
        timeout_seconds=timeout,
        data_dir=data_dir,
        may_fetch=may_fetch,
    )


def resource_of(device: str) -> str:
    """What a Dask worker declares in order to get trials of this device."""
    return "GPU" if device == "cuda" else "CPU"


def _check_dask(scheduler: str | None) -> None:
    if not scheduler:
        raise UsageError(
            "engine = dask: needs scheduler = tcp://HOST:PORT, the address that `dask "
            "scheduler` shows when it starts"
        )
    if not re.fullmatch(_ADDRESS, scheduler):
        raise UsageError(
            f"scheduler = {scheduler}: an address like tcp://HOST:8786 or tls://..."
        )
    if importlib.util.find_spec("distributed") is None:
        raise UsageError("engine = dask: needs Dask: pip install 'depthbench[dask]'")
