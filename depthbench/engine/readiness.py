"""Before a run trains: what cannot be trained ends it, and costs no trial."""

import shlex
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

from depthbench.architectures.definition import Architecture
from depthbench.checks.preflight import (
    Look,
    preflight,
    preflight_trials,
    why_not_repeatable,
)
from depthbench.datasets import Dataset
from depthbench.datasets.image_data import DataMissingError, ImageData
from depthbench.datasets.nearby import with_data_dir
from depthbench.engine.errors import TaskTimedOutError, WorkerDiedError
from depthbench.kernels import compiled
from depthbench.registry import Registry
from depthbench.spec import Cell, TrialSpec, UsageError
from depthbench.training import ResidentData
from depthbench.trial import TrialContext
from depthbench.trial.self_check import wrong_kernels
from depthbench.verdict import chance_of

# A depth is decided by so many seeds unless a study says otherwise: as many processes
# for each cell are soon wanted, and may start meanwhile.
_USUAL_SEEDS = 3


def require_kernels(
    cells: Sequence[Cell], architectures: Registry[Architecture]
) -> None:
    """See that the cells that are still to be trained can be.

    Raises:
        KernelsUnusableError: If one wants compiled kernels that are missing, or that do
            not agree with PyTorch on this machine.
    """
    wants_fused = any(cell.template.kernels == "fused" for cell in cells)
    if not wants_fused:
        return
    if reason := compiled.missing() or wrong_kernels(cells, architectures):
        raise compiled.KernelsUnusableError(
            f"{reason}; or train with kernels = reference into another folder (out)"
        )


def loaded(data_set: Dataset, folder: Path) -> ImageData:
    """A data set whose files are there.

    Raises:
        DataError: If it cannot be had.
    """
    return data_set.load(folder)


def loaded_or_fetched(
    data_set: Dataset, folder: Path, *, say: Callable[[str], None]
) -> ImageData:
    """A data set; a published one of which files are missing is fetched first.

    Files that are there stay as they are: those that are not the data set are an error.

    Raises:
        DataError: If it cannot be had.
    """
    try:
        return data_set.load(folder)
    except DataMissingError:
        if not data_set.is_published:
            raise
    say(f"{data_set.name} is not in {folder} yet: fetching it")
    data_set.fetch(folder)
    return data_set.load(folder)


def data_sums(
    cells: Sequence[Cell],
    data_sets: Registry[Dataset],
    folder: Path,
    *,
    load: Callable[[Dataset, Path], ImageData] = loaded,
) -> dict[str, str]:
    """The SHA-256 of each data set, loaded once; all are fit for their cells.

    Raises:
        DataError: If a data set cannot be had.
        UsageError: If the best constant answer would count as trained.
        TooFewImagesError: If a cell asks for more training images than there are.
    """
    names = dict.fromkeys(cell.data for cell in cells)
    data = {name: load(data_sets[name], folder) for name in names}
    for cell in cells:
        whole = ResidentData.on("cpu", data[cell.data])
        _check_threshold(cell, whole.under(cell.template))
    return {name: each.sha256 for name, each in data.items()}


def _check_threshold(cell: Cell, data: ResidentData) -> None:
    error, criterion = chance_of(data.chance, cell.criterion), cell.criterion
    if criterion.threshold >= error:
        raise UsageError(
            f"threshold = {criterion.threshold:g}: on {cell.data}, always giving the "
            f"most frequent class has an error of {error:.4g} (criterion = "
            f"{criterion.source}); give a lower one, or classes more equal in size"
        )


def require_trainable(
    executor: Executor,
    cells: Sequence[Cell],
    context: TrialContext,
    *,
    num_workers: int,
    say: Callable[[str], None],
) -> None:
    """Run every kind of step on the smallest network of each cell, in worker processes.

    There, so that a network that ends its process does not end this one, and with the
    data that its trials will find loaded. Users' own networks that are sound are built
    here, too: a second process has to make the same.

    Raises:
        UsageError: If a network cannot be trained, with all that cannot.
        DataError: If a data set cannot be had.
    """
    trials = preflight_trials(cells)
    futures = [executor.submit(preflight, trial, context) for trial in trials]
    for _ in range(len(trials), min(num_workers, _USUAL_SEEDS * len(cells))):
        executor.submit(len, ())
    reasons: dict[str, TrialSpec] = {}
    for trial, future in zip(trials, futures, strict=True):
        look = _answer(trial, future, say)
        where = f"{trial.architecture}, k={trial.depth}"
        for note in look.notes:
            say(f"note: {where}: {note}")
        if reason := look.reason or why_not_repeatable(trial, context, look):
            reasons[f"{where}: {reason}"] = trial
    if reasons:
        hint = f"nothing was trained; see {_check_command(reasons.values(), context)}"
        raise UsageError("\n".join([*reasons, hint]))


def _check_command(trials: Collection[TrialSpec], context: TrialContext) -> str:
    """The command that looks at the networks of these trials as they would be."""
    parts = ["depthbench check", *dict.fromkeys(each.architecture for each in trials)]
    for plugin in context.plugins:
        parts += ["--plugin", shlex.quote(str(plugin))]
    data = next(each.data for each in trials)
    return with_data_dir(
        " ".join([*parts, "--data", shlex.quote(data)]), context.data_dir
    )


def _answer(
    trial: TrialSpec, future: "Future[Look]", say: Callable[[str], None]
) -> Look:
    try:
        return future.result()
    except WorkerDiedError as error:
        return Look(str(error))
    except TaskTimedOutError as error:
        # The machine's fault, not the network's; its trials will show.
        say(f"note: {trial.architecture}, the first steps at k={trial.depth}: {error}")
        return Look()
