"""All trials of a study as an Optuna study file, for optuna-dashboard and the like.

Optuna takes a while to import, so that happens when a file is written.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthbench.record import TrialRecord
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import StudyResult
from depthbench.search import rate_error
from depthbench.search.rate import quiet_optuna
from depthbench.spec import Cell
from depthbench.store import write_atomic

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

MARK = "depthbench"  # an attribute that every study in a file of ours has


def write_optuna_file(result: StudyResult, path: Path) -> None:
    """Write an SQLite file with one Optuna study an architecture, data set, protocol.

    Their names are these three, between commas. A trial has the parameters depth, lr
    and seed; its value, to be minimized, is the error that the criterion reads off the
    last epoch, as `rate_error` has it; one that could not be measured has the state
    FAIL and no value. Its outcome and identity are user attributes. The same
    records give the same studies, in a file that is replaced as a whole.

    Raises:
        ValueError: If there is a file at `path` that this function did not write.
        depthbench.store.StoreError: If it cannot be written.
    """
    check_optuna_file(path)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "study.db"
        with _storage(made) as storage:
            for name, cells in _studies(result).items():
                _add_study(storage, name, cells)
        write_atomic(path, made.read_bytes())


def check_optuna_file(path: Path) -> None:
    """Whether `path` is free, or was written by `write_optuna_file`.

    Raises:
        ValueError: If it is not.
    """
    if path.exists() and not _is_ours(path):
        raise ValueError(
            f"{path} is there already and holds something else; name another file"
        )


_Trials = dict[str, tuple[Cell, JudgedTrial]]


def _studies(result: StudyResult) -> dict[str, _Trials]:
    """Trials by identity, by the name of their study; cells that differ in rate share.

    The order is the cells', then by depth, seed and rate.
    """
    studies: dict[str, _Trials] = {}
    for each in result.cells:
        trials = studies.setdefault(", ".join(each.cell.key[:3]), {})
        trials |= {trial.record.id: (each.cell, trial) for trial in each.trials}
    return studies


def _add_study(storage: "RDBStorage", name: str, trials: _Trials) -> None:
    import optuna

    study = optuna.create_study(storage=storage, study_name=name, direction="minimize")
    study.set_user_attr(MARK, name)
    if not trials:
        return

    def ends(name: str) -> tuple[Any, Any]:
        values = [getattr(trial.record.spec, name) for _, trial in trials.values()]
        return min(values), max(values)

    spans: dict[str, BaseDistribution] = {
        "depth": optuna.distributions.IntDistribution(*ends("depth")),
        "lr": optuna.distributions.FloatDistribution(*ends("lr"), log=True),
        "seed": optuna.distributions.IntDistribution(*ends("seed")),
    }
    study.add_trials(_frozen(cell, trial, spans) for cell, trial in trials.values())


def _frozen(
    cell: Cell, trial: JudgedTrial, spans: "dict[str, BaseDistribution]"
) -> "FrozenTrial":
    import optuna
    from optuna.trial import TrialState

    record = trial.record
    value = rate_error(record, trial.outcome, cell.criterion)
    frozen = optuna.trial.create_trial(
        state=TrialState.FAIL if value is None else TrialState.COMPLETE,
        value=value,
        params={"depth": trial.depth, "lr": trial.lr, "seed": trial.seed},
        distributions=spans,
        user_attrs=_attributes(cell, trial),
    )
    ended = _finished(record)
    frozen.datetime_start = ended - timedelta(seconds=record.seconds)
    frozen.datetime_complete = ended
    return frozen


def _attributes(cell: Cell, trial: JudgedTrial) -> dict[str, Any]:
    record = trial.record
    known = {
        "outcome": str(trial.outcome),
        "trial": record.id,
        "rate": cell.rate.name,
        "weight_layers": record.num_weight_layers,
        "message": record.message,
    }
    return {key: value for key, value in known.items() if value}


def _finished(record: TrialRecord) -> datetime:
    """Local time, as Optuna keeps it; long ago where the record does not say."""
    try:
        ended = datetime.fromisoformat(record.finished_at)
    except ValueError:
        return datetime(2000, 1, 1)
    return ended.astimezone().replace(tzinfo=None)


def _is_ours(path: Path) -> bool:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    if path.stat().st_size == 0:
        return True
    if not path.read_bytes()[:16].startswith(b"SQLite format 3"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        # A copy: opening a file of another version would change it.
        copy = Path(folder) / "study.db"
        copy.write_bytes(path.read_bytes())
        try:
            with _storage(copy) as storage:
                studies = optuna.get_all_study_summaries(storage=storage)
        except (RuntimeError, SQLAlchemyError):
            return False
        return bool(studies) and all(MARK in each.user_attrs for each in studies)


@contextmanager
def _storage(path: Path) -> "Iterator[RDBStorage]":
    """Optuna's storage in one file, which is closed in the end."""
    from optuna.storages import RDBStorage
    from sqlalchemy import URL

    url = URL.create("sqlite", database=str(path))
    with quiet_optuna():
        storage = RDBStorage(url.render_as_string(hide_password=False))
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()
