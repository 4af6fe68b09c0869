"""A trial on another machine: what has to be sent along, and what is found there."""

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depthbench import runtime
from depthbench.datasets import DATASETS
from depthbench.record import TrialRecord
from depthbench.spec import Cell, TrialSpec
from depthbench.study.resolve import require_kernels, sums_of
from depthbench.trial import TrialContext, run_trials


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteContext:
    """A `TrialContext` that means the same on a machine with other files.

    Attributes:
        data_dir: Where the data sets lie there; None for where that machine's
            `DEPTHBENCH_DATA` says, or else its user's cache.
        plugins: Name and content of each file that defines further architectures.
    """

    data_dir: Path | None
    plugins: tuple[tuple[str, bytes], ...] = ()


def remote_context(plugins: Sequence[Path], data_dir: Path | None) -> RemoteContext:
    """With the files as they are now; a trial says if they are not what it is of."""
    contents = tuple((path.name, path.read_bytes()) for path in plugins)
    return RemoteContext(data_dir=data_dir, plugins=contents)


def run_remote_trials(
    specs: Sequence[TrialSpec], context: RemoteContext
) -> list[TrialRecord]:
    """`run_trials` with what was sent along; raises what that raises."""
    return run_trials(specs, _unpacked(context))


def examine(
    cells: Sequence[Cell], device: str, context: RemoteContext
) -> dict[str, str]:
    """See that these cells can be trained here; give the SHA-256 of each data set.

    Raises:
        DeviceError: If the device is not here, or its kernels cannot be compiled.
        LibraryMissingError: If compiled kernels are asked for and missing.
        DataError: If a data set cannot be had.
    """
    runtime.resolve_device(device)
    require_kernels(cells)
    folder = _unpacked(context).data_dir
    names = dict.fromkeys(cell.data for cell in cells)
    return sums_of(cells, {name: DATASETS[name].load(folder) for name in names})


def _unpacked(context: RemoteContext) -> TrialContext:
    return TrialContext(
        data_dir=(context.data_dir or runtime.data_dir()).absolute(),
        plugins=_written(context.plugins),
    )


@functools.cache
def _written(plugins: tuple[tuple[str, bytes], ...]) -> tuple[Path, ...]:
    """Once a process, as files where its temporary ones are."""
    paths = []
    for name, content in plugins:
        # A folder each: two may have one name.
        path = Path(tempfile.mkdtemp(prefix="depthbench-plugin-")) / name
        path.write_bytes(content)
        paths.append(path)
    return tuple(paths)
