"""A trial on another machine: what has to be sent along, and what is found there."""

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depthbench import datasets, runtime
from depthbench.architectures.plugin_file import PluginFile
from depthbench.engine.readiness import data_sums, require_kernels
from depthbench.forecasting.limit import Forecast
from depthbench.forecasting.task import make_forecast
from depthbench.plugins import load_architectures
from depthbench.record import TrialRecord
from depthbench.spec import Cell, TrialSpec
from depthbench.trial import TrialContext, run_trial


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteContext:
    """A `TrialContext` that means the same on a machine with other files.

    Attributes:
        data_dir: Where the data sets lie there; None for where that machine's
            `DEPTHBENCH_DATA` says, or else its user's cache.
        plugins: Files that define further architectures, each with those that it needs:
            their places relative to its folder, and their contents; itself first.
    """

    data_dir: Path | None
    plugins: tuple[tuple[tuple[str, bytes], ...], ...] = ()


def remote_context(plugins: Sequence[Path], data_dir: Path | None) -> RemoteContext:
    """With the files as they are now; a trial says if they are not what it is of."""
    needed: dict[Path, tuple[PluginFile, ...]] = {
        path.resolve(): (PluginFile("", path, ""),) for path in plugins
    }
    for item in load_architectures(plugins).entries.values():
        if item.plugin_files and item.plugin_files[0].path in needed:
            needed[item.plugin_files[0].path] = item.plugin_files
    contents = tuple(
        tuple((file.place or file.path.name, file.path.read_bytes()) for file in files)
        for files in needed.values()
    )
    return RemoteContext(data_dir=data_dir, plugins=contents)


def run_remote_trial(spec: TrialSpec, context: RemoteContext) -> TrialRecord:
    """`run_trial` with what was sent along; raises what that raises."""
    return run_trial(spec, _unpacked(context))


def make_remote_forecast(cell: Cell, context: RemoteContext) -> Forecast:
    """`make_forecast` with what was sent along; raises what that raises."""
    return make_forecast(cell, _unpacked(context))


def examine(
    cells: Sequence[Cell], device: str, context: RemoteContext
) -> dict[str, str]:
    """See that these cells can be trained here; give the SHA-256 of each data set.

    Raises:
        DeviceError: If the device is not here.
        KernelsUnusableError: If compiled kernels are asked for and missing, or wrong
            on this machine.
        DataError: If a data set cannot be had.
    """
    runtime.resolve_device(device)
    unpacked = _unpacked(context)
    require_kernels(cells, load_architectures(unpacked.plugins))
    return data_sums(cells, datasets.DATASETS, unpacked.data_dir)


def _unpacked(context: RemoteContext) -> TrialContext:
    return TrialContext(
        data_dir=(context.data_dir or runtime.data_dir()).absolute(),
        plugins=_written(context.plugins),
    )


@functools.cache
def _written(
    plugins: tuple[tuple[tuple[str, bytes], ...], ...],
) -> tuple[Path, ...]:
    """Once a process, as files where its temporary ones are."""
    paths = []
    for files in plugins:
        # A folder each: two may have one name.
        folder = Path(tempfile.mkdtemp(prefix="depthbench-plugin-"))
        for place, content in files:
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        paths.append(folder / files[0][0])
    return tuple(paths)
