"""Before a run trains: what cannot be trained ends it, and costs no trial."""

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING

import click

from depthbench.cli.messages import say
from depthbench.spec import Cell, TrialSpec

if TYPE_CHECKING:
    from depthbench.trial import TrialContext

# A depth is decided by so many seeds unless a study says otherwise: as many processes
# for each cell are soon wanted, and may start meanwhile.
_USUAL_SEEDS = 3


def require_trainable(
    executor: Executor,
    cells: Sequence[Cell],
    context: "TrialContext",
    num_workers: int,
) -> None:
    """Run two images through the smallest network of each cell, in worker processes.

    There, so that a network that ends its process does not end this one, and with the
    data that its trials will find loaded.

    Raises:
        click.ClickException: If a network cannot be trained, with all that cannot.
        DataError: If a data set cannot be had.
    """
    from depthbench.checks.preflight import preflight, preflight_trials

    trials = preflight_trials(cells)
    futures = [executor.submit(preflight, trial, context) for trial in trials]
    for _ in range(len(trials), min(num_workers, _USUAL_SEEDS * len(cells))):
        executor.submit(len, ())
    reasons = {
        trial: reason
        for trial, future in zip(trials, futures, strict=True)
        if (reason := _answer(trial, future)) is not None
    }
    if reasons:
        names = " ".join(dict.fromkeys(trial.architecture for trial in reasons))
        hint = f"nothing was trained; see depthbench check {names}"
        raise click.ClickException("\n".join([*reasons.values(), hint]))


def _answer(trial: TrialSpec, future: "Future[str | None]") -> str | None:
    from depthbench.engine import TaskTimedOutError, WorkerDiedError

    try:
        reason = future.result()
    except WorkerDiedError as error:
        reason = str(error)
    except TaskTimedOutError as error:
        # Of the machine, not of the network; its trials will tell.
        say(f"note: {trial.architecture}, two images through k={trial.depth}: {error}")
        return None
    return reason and f"{trial.architecture}, k={trial.depth}: {reason}"
