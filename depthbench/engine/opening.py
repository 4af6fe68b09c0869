"""What runs trials, opened where it is found that it can run them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from depthbench import datasets, runtime
from depthbench.engine.choice import EngineChoice, resource_of
from depthbench.engine.local import LocalProcesses
from depthbench.record import TrialRecord
from depthbench.spec import Cell, TrialSpec

if TYPE_CHECKING:
    from depthbench.forecasting.limit import Forecast
    from depthbench.trial import TrialContext

_PREPARE = partial(runtime.configure_process, num_threads=1)


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs trials.

    Attributes:
        submit: Starts a trial; the future gives its record, or `WorkerDiedError` or
            `TaskTimedOutError`.
        num_workers: Calls of `submit` that can run at once; a function where workers
            come and go.
    """

    submit: Callable[[TrialSpec], Future[TrialRecord]]
    num_workers: int | Callable[[], int]

    def num_free(self, num_in_flight: int) -> int:
        """Calls of `submit` that could run now beside those in flight.

        Without any worker there is one, so that a call waits for the first to come.
        """
        given = self.num_workers
        num_workers = given if isinstance(given, int) else max(1, given())
        return max(0, num_workers - num_in_flight)


@dataclass(frozen=True, slots=True)
class OpenEngine:
    """What runs trials, and what it found where it runs them.

    Attributes:
        engine: For the driver.
        data_sha256: Of each data set that is needed.
        num_workers: Trials at once when it was opened.
        forecast: Makes the forecast of a cell in a worker; the future raises what
            `make_forecast` does.
        place: Of the data, for messages.
    """

    engine: Engine
    data_sha256: dict[str, str]
    num_workers: int
    forecast: Callable[[Cell], "Future[Forecast]"]
    place: str


@contextmanager
def open_engine(
    choice: EngineChoice,
    cells: Sequence[Cell],
    device: str,
    context: "TrialContext",
    *,
    say: Callable[[str], None],
) -> Iterator[OpenEngine]:
    """An engine that can train these cells; at the end its workers are killed.

    Data and kernels are looked at first, where they are needed: what is missing or
    damaged is reported at once, and a generated data set is made once. Then two images
    go through the smallest network of each cell; not on a cluster, where each trial
    looks for itself. `say` is called with what a user should know meanwhile.

    Raises:
        UsageError: If a network cannot be trained.
        KernelsUnusableError: If compiled kernels are asked for and missing, or wrong
            on this machine.
        DataError: If a data set cannot be had.
        DeviceError: If the device cannot be had.
        ClusterError: If the cluster cannot be had.
    """
    opened = _local if choice.scheduler is None else _dask
    with opened(choice, cells, device, context, say) as engine:
        yield engine


@contextmanager
def _local(
    choice: EngineChoice,
    cells: Sequence[Cell],
    device: str,
    context: "TrialContext",
    say: Callable[[str], None],
) -> Iterator[OpenEngine]:
    from depthbench.engine.readiness import (
        data_sums,
        loaded,
        loaded_or_fetched,
        require_kernels,
        require_trainable,
    )
    from depthbench.forecasting.task import make_forecast
    from depthbench.plugins import load_architectures
    from depthbench.trial import run_trial

    require_kernels(cells, load_architectures(context.plugins))
    load = partial(loaded_or_fetched, say=say) if choice.may_fetch else loaded
    sums = data_sums(cells, datasets.DATASETS, context.data_dir, load=load)
    number = choice.num_workers(device)
    executor = LocalProcesses(
        number, prepare=_PREPARE, timeout_seconds=choice.timeout_seconds
    )
    engine = Engine(lambda spec: executor.submit(run_trial, spec, context), number)
    try:
        require_trainable(executor, cells, context, num_workers=number, say=say)
        yield OpenEngine(
            engine,
            sums,
            number,
            forecast=lambda cell: executor.submit(make_forecast, cell, context),
            place=str(context.data_dir),
        )
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _dask(
    choice: EngineChoice,
    cells: Sequence[Cell],
    device: str,
    context: "TrialContext",
    say: Callable[[str], None],
) -> Iterator[OpenEngine]:
    from depthbench.engine.dask_cluster import DaskCluster
    from depthbench.engine.remote import (
        examine,
        make_remote_forecast,
        remote_context,
        run_remote_trial,
    )

    assert choice.scheduler is not None
    sent = remote_context(context.plugins, choice.data_dir)
    cluster = DaskCluster(
        choice.scheduler,
        resource=resource_of(device),
        prepare=_PREPARE,
        timeout_seconds=choice.timeout_seconds,
    )

    def num_workers() -> int:
        return choice.at_most(cluster.num_slots())

    try:
        examined = cluster.submit(examine, tuple(cells), device, sent)
        if cluster.num_slots() == 0:
            say(f"waiting for workers: `dask worker {choice.scheduler}` starts one")
        sums = examined.result()
        engine = Engine(
            lambda spec: cluster.submit(run_remote_trial, spec, sent), num_workers
        )
        place = str(choice.data_dir or "the workers' folder")
        yield OpenEngine(
            engine,
            sums,
            num_workers(),
            forecast=lambda cell: cluster.submit(make_remote_forecast, cell, sent),
            place=place,
        )
    finally:
        cluster.shutdown(cancel_futures=True)
