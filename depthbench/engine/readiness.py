"""Before a run trains: what cannot be trained ends it, and costs no trial."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

from depthbench.architectures.definition import Architecture
from depthbench.checks.preflight import preflight, preflight_trials
from depthbench.datasets import Dataset
from depthbench.datasets.image_data import num_trained_on
from depthbench.engine.errors import TaskTimedOutError, WorkerDiedError
from depthbench.kernels import compiled
from depthbench.registry import Registry
from depthbench.spec import Cell, TrialSpec, UsageError
from depthbench.trial import TrialContext
from depthbench.trial.self_check import wrong_kernels

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


def data_sums(
    cells: Sequence[Cell], data_sets: Registry[Dataset], folder: Path
) -> dict[str, str]:
    """The SHA-256 of each data set, loaded once; all are large enough for their cells.

    Raises:
        DataError: If a data set cannot be had.
        TooFewImagesError: If a cell asks for more training images than there are.
    """
    names = dict.fromkeys(cell.data for cell in cells)
    data = {name: data_sets[name].load(folder) for name in names}
    for spec in (cell.template for cell in cells):
        num_trained_on(
            spec.data,
            len(data[spec.data].train_labels),
            num_validation=spec.num_validation,
            train_limit=spec.train_limit,
        )
    return {name: each.sha256 for name, each in data.items()}


def require_trainable(
    executor: Executor,
    cells: Sequence[Cell],
    context: TrialContext,
    *,
    num_workers: int,
    say: Callable[[str], None],
) -> None:
    """Run two images through the smallest network of each cell, in worker processes.

    There, so that a network that ends its process does not end this one, and with the
    data that its trials will find loaded.

    Raises:
        UsageError: If a network cannot be trained, with all that cannot.
        DataError: If a data set cannot be had.
    """
    trials = preflight_trials(cells)
    futures = [executor.submit(preflight, trial, context) for trial in trials]
    for _ in range(len(trials), min(num_workers, _USUAL_SEEDS * len(cells))):
        executor.submit(len, ())
    reasons = {
        trial: reason
        for trial, future in zip(trials, futures, strict=True)
        if (reason := _answer(trial, future, say)) is not None
    }
    if reasons:
        names = " ".join(dict.fromkeys(trial.architecture for trial in reasons))
        hint = f"nothing was trained; see depthbench check {names}"
        raise UsageError("\n".join([*reasons.values(), hint]))


def _answer(
    trial: TrialSpec, future: "Future[str | None]", say: Callable[[str], None]
) -> str | None:
    try:
        reason = future.result()
    except WorkerDiedError as error:
        reason = str(error)
    except TaskTimedOutError as error:
        # The machine's fault, not the network's; its trials will show.
        say(f"note: {trial.architecture}, two images through k={trial.depth}: {error}")
        return None
    return reason and f"{trial.architecture}, k={trial.depth}: {reason}"
