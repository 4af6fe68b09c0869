"""`--engine` and `--scheduler`: where the trials of a run are trained."""

import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from depthbench import runtime
from depthbench.cli.messages import say
from depthbench.cli.options import Command
from depthbench.cli.preflight import require_trainable
from depthbench.spec import Cell

if TYPE_CHECKING:
    from depthbench.study.drive import Engine
    from depthbench.trial import TrialContext

_ADDRESS = r"(tcp|tls|ucx|wss?)://\S+:\d+"
_PREPARE = partial(runtime.configure_process, num_threads=1)


def engine_options(command: Command) -> Command:
    """`--engine` and `--scheduler`."""
    command = click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Of the Dask scheduler: tcp://HOST:PORT.",
    )(command)
    return click.option(
        "--engine",
        type=click.Choice(["local", "dask"]),
        default="local",
        help="Train in processes of this machine, or on a Dask cluster. [local]",
    )(command)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """Where trials are trained, as the command line says.

    Attributes:
        scheduler: Address of a Dask scheduler; None for this machine.
        max_workers: Trials at once, at most; None for what there is.
        timeout_seconds: For one trial; None for no limit.
        data_dir: If one was named; on the workers, if they are elsewhere.
    """

    scheduler: str | None
    max_workers: int | None
    timeout_seconds: float | None
    data_dir: Path | None

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
        from depthbench.engine import ClusterError
        from depthbench.engine.dask_scheduler import look_at, num_slots

        workers = look_at(self.scheduler)
        if not workers:
            raise ClusterError(
                f"the Dask cluster at {self.scheduler} has no workers yet that would "
                "decide between --device cpu and cuda; name one"
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

        slots = num_slots(look_at(self.scheduler), _resource(device))
        return _at_most(self.max_workers, slots)


def engine_choice(flags: dict[str, Any]) -> EngineChoice:
    """What the flags say.

    Raises:
        click.UsageError: If they contradict each other, or Dask is not installed.
    """
    is_dask, scheduler = flags["engine"] == "dask", flags["scheduler"]
    if scheduler and not is_dask:
        raise click.UsageError("--scheduler is for --engine dask; give both")
    if is_dask and not scheduler:
        raise click.UsageError(
            "--engine dask needs --scheduler tcp://HOST:PORT, the address that `dask "
            "scheduler` shows when it starts"
        )
    if is_dask and not re.fullmatch(_ADDRESS, scheduler):
        raise click.UsageError(
            f"--scheduler {scheduler!r}: an address like tcp://HOST:8786 or tls://..."
        )
    if is_dask and importlib.util.find_spec("distributed") is None:
        raise click.UsageError(
            "--engine dask needs Dask: pip install 'depthbench[dask]'"
        )
    return EngineChoice(
        scheduler=scheduler,
        max_workers=flags["workers"],
        timeout_seconds=flags["timeout"],
        data_dir=flags["data_dir"],
    )


@dataclass(frozen=True, slots=True)
class OpenEngine:
    """What runs trials, and what it found where it runs them.

    Attributes:
        engine: For the driver.
        data_sha256: Of each data set that is needed.
        num_workers: Trials at once when it was opened.
        place: Of the data, for messages.
    """

    engine: "Engine"
    data_sha256: dict[str, str]
    num_workers: int
    place: str


@contextmanager
def open_engine(
    choice: EngineChoice,
    cells: Sequence[Cell],
    device: str,
    context: "TrialContext",
) -> Iterator[OpenEngine]:
    """An engine that can train these cells; at the end its workers are killed.

    Data and kernels are looked at first, where they are needed: what is missing or
    damaged is told at once, and a generated data set is made once. Then two images go
    through the smallest network of each cell; not on a cluster, where each trial looks
    for itself.

    Raises:
        click.ClickException: If a network cannot be trained.
        LibraryMissingError: If compiled kernels are asked for and missing.
        DataError: If a data set cannot be had.
        DeviceError: If the device cannot be had.
        ClusterError: If the cluster cannot be had.
    """
    opened = _local if choice.scheduler is None else _dask
    with opened(choice, cells, device, context) as engine:
        yield engine


@contextmanager
def _local(
    choice: EngineChoice, cells: Sequence[Cell], device: str, context: "TrialContext"
) -> Iterator[OpenEngine]:
    from depthbench.datasets import DATASETS
    from depthbench.engine import LocalProcesses
    from depthbench.study.drive import Engine
    from depthbench.study.resolve import require_kernels, sums_of
    from depthbench.trial import run_trial

    require_kernels(cells)
    folder = context.data_dir
    names = dict.fromkeys(cell.data for cell in cells)
    sums = sums_of(cells, {name: DATASETS[name].load(folder) for name in names})
    number = choice.num_workers(device)
    executor = LocalProcesses(
        number, prepare=_PREPARE, timeout_seconds=choice.timeout_seconds
    )
    engine = Engine(lambda spec: executor.submit(run_trial, spec, context), number)
    try:
        require_trainable(executor, cells, context, number)
        yield OpenEngine(engine, sums, number, str(folder))
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _dask(
    choice: EngineChoice, cells: Sequence[Cell], device: str, context: "TrialContext"
) -> Iterator[OpenEngine]:
    from depthbench.engine.dask_cluster import DaskCluster
    from depthbench.remote import examine, remote_context, run_remote_trial
    from depthbench.study.drive import Engine

    assert choice.scheduler is not None
    sent = remote_context(context.plugins, choice.data_dir)
    cluster = DaskCluster(
        choice.scheduler,
        resource=_resource(device),
        prepare=_PREPARE,
        timeout_seconds=choice.timeout_seconds,
    )
    try:
        examined = cluster.submit(examine, tuple(cells), device, sent)
        if cluster.num_slots() == 0:
            say(f"waiting for workers: `dask worker {choice.scheduler}` starts one")
        sums = examined.result()
        engine = Engine(
            lambda spec: cluster.submit(run_remote_trial, spec, sent),
            lambda: _at_most(choice.max_workers, cluster.num_slots()),
        )
        place = str(choice.data_dir or "the workers' folder")
        number = _at_most(choice.max_workers, cluster.num_slots())
        yield OpenEngine(engine, sums, number, place)
    finally:
        cluster.shutdown(cancel_futures=True)


def _resource(device: str) -> str:
    return "GPU" if device == "cuda" else "CPU"


def _at_most(limit: int | None, number: int) -> int:
    return max(1, number if limit is None else min(limit, number))
