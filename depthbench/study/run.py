"""A study, run: its trials trained and stored, its report written."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from depthbench import runtime
from depthbench.datasets.image_data import DataDamagedError
from depthbench.engine import OpenEngine, open_engine
from depthbench.plugins import end_of_plugin
from depthbench.record import TrialRecord
from depthbench.report import StudyResult, study_result, write_report
from depthbench.report.freshness import is_up_to_date
from depthbench.spec import write_study
from depthbench.store import Store, StoreError, open_store, write_atomic
from depthbench.study.architectures import Given
from depthbench.study.drive import begin_searches, run_study
from depthbench.study.forecasts import with_forecasts
from depthbench.study.messages import say
from depthbench.study.notes import machine_notes, watched
from depthbench.study.prepare import Run, on_top_of, prepare
from depthbench.study.progress import show_progress
from depthbench.study.result import Result


def measure(  # noqa: PLR0913 - every one is named at the call
    arch: Given | Iterable[Given] = (),
    *,
    study: str | Path | None = None,
    out: str | Path | None = None,
    data_dir: str | Path | None = None,
    workers: int | None = None,
    engine: str = "local",
    scheduler: str | None = None,
    timeout: float | None = None,
    fetch: bool = True,
    plugins: Iterable[str | Path] = (),
    progress: bool = True,
    forecast: bool = True,
    **values: Any,
) -> Result:
    """Measure how deep architectures can be and still train; `depthbench run`.

    The same call again continues where it was stopped, in any way, and what is stored
    is not trained again. Worker processes train. They load the file in which an
    `Architecture` was defined, also if that is the script that calls this: its lines
    above the call then run once more in each of them.

    Args:
        arch: What to measure, or a sequence of it: a name (wildcards allowed), a file
            that defines architectures, a `Stack`, or an `Architecture` that is defined
            at the top level of a file.
        study: A study file (TOML); what else is given goes before its keys.
        out: Results folder; None for results/NAME.
        data_dir: Where the data sets lie; None for `DEPTHBENCH_DATA`, or the user's
            cache.
        workers: Trials at once, a process each; None for the number of cores, 1 with
            a GPU, and all of a cluster.
        engine: `local`, or `dask` for the cluster of a scheduler.
        scheduler: Address of that, "tcp://HOST:PORT".
        timeout: Seconds after which a trial is given up, which is no evidence; None
            for no limit.
        fetch: Whether a published data set that is missing is fetched first; files
            that are there are never replaced.
        plugins: Files that define further architectures.
        progress: Whether to show it, on standard error or in the notebook.
        forecast: Whether to say of each cell, before its first trial, how deep it
            will train; it takes up to two minutes of a processor per cell.
        **values: Fields of `StudySpec`, as `data="mnist"`, `search="posterior"` or
            `depths=(30, 90)`.

    Raises:
        UsageError: If something asked for is not allowed or not there; a ValueError.
        DataError: If a data set cannot be had, or is not that of stored trials.
        DeviceError: If the device cannot be had.
        ClusterError: If a cluster cannot be had.
        StoreError: If the folder is in use, damaged, or cannot be written.
        KeyboardInterrupt: After Ctrl-C; every finished trial is stored.
    """
    end_of_plugin()
    run = prepare(
        arch,
        study=study,
        out=out,
        data_dir=data_dir,
        workers=workers,
        engine=engine,
        scheduler=scheduler,
        timeout=timeout,
        fetch=fetch,
        plugins=plugins,
        **values,
    )
    return carry_out(run, progress=progress, forecast=forecast)


def carry_out(run: Run, *, progress: bool = True, forecast: bool = True) -> Result:
    """Run every trial that is missing, then derive the report and the result.

    What is stored is read once; a report that is newer is left as it is. One that
    cannot be written costs no answer: the result says so. The first Ctrl-C or SIGTERM
    lets records be stored and ends the workers before it does what it always does.

    Raises:
        UsageError: If the folder holds another study, or a network cannot be trained.
        StoreError: If the folder is in use, damaged, or cannot be written.
        DataError: If a data set cannot be had, or is not that of stored trials.
        Exception: What `open_engine` raises besides.
    """
    with open_store(run.folder) as store:
        for repair in store.repairs:
            say(f"note: {repair}")
        run = on_top_of(run, store.records.values())
        before = dict(store.records)
        with _definitions(run):
            run, stopped_by = _search(run, store, progress=progress, forecast=forecast)
        if not stopped_by:
            found = study_result(run.study, run.shown_cells, store.records.values())
            is_new = dict(store.records) != before
            unwritten = _unwritten(run.folder, found, is_new=is_new)
    if stopped_by:
        runtime.end_by_signal(stopped_by)
    return Result(run.folder, found, unwritten)


@contextmanager
def _definitions(run: Run) -> Iterator[None]:
    """Files of networks defined in Python, for the workers; gone if no study begins."""
    paths = [run.folder / name for name in run.written]
    for path in paths:
        write_atomic(path, run.written[path.name])
    try:
        yield
    except BaseException:
        if not (run.folder / "study.toml").exists():
            for path in paths:
                path.unlink()
        raise


def _unwritten(folder: Path, found: StudyResult, *, is_new: bool) -> str | None:
    """Write the report of what `is_new`, or is newer than the one that is there.

    Returns why that was not possible, if it was not.
    """
    try:
        if is_new or not is_up_to_date(folder):
            write_report(folder, found)
    except (OSError, StoreError) as error:
        return f"{error}; `depthbench report {shlex.quote(str(folder))}` writes it"
    return None


def _write_study(run: Run) -> None:
    resolved = write_study(run.study, run.shown_cells)
    path = run.folder / "study.toml"
    if not path.exists() or path.read_bytes() != resolved.encode():
        write_atomic(path, resolved)


def _search(
    run: Run, store: Store, *, progress: bool, forecast: bool
) -> tuple[Run, int]:
    """Run the study in worker processes, which end with this call.

    The study is written once it can begin. Returns the run as it was searched, and the
    number of the signal that stopped it, or 0.
    """
    evidence = [r for r in store.records.values() if r.outcome.is_evidence]
    searches = begin_searches(run.cells, evidence)
    cells = [search.cell for search in searches if not search.plan.is_done]
    if not cells:
        _write_study(run)
        say("every trial of this study is stored already")
        return run, 0
    opening = open_engine(run.choice, cells, run.study.device, run.context, say=say)
    with opening as opened:
        keep = _keeper(run, store, opened, evidence)
        _write_study(run)
        if forecast:
            run = with_forecasts(run, opened, [r.spec for r in store.records.values()])
            _write_study(run)
            searches = begin_searches(run.cells, evidence)
        quiet = nullcontext(lambda _: None)
        showing = show_progress(opened.num_workers) if progress else quiet
        with runtime.noted_signals() as stopped, showing as report:
            run_study(
                searches,
                evidence,
                engine=opened.engine,
                keep=keep,
                report=report,
                should_stop=lambda: bool(stopped()),
            )
            return run, stopped()


def _keeper(
    run: Run, store: Store, engine: OpenEngine, evidence: Iterable[TrialRecord]
) -> Callable[[TrialRecord], None]:
    """What stores a record, after a look at what and where it was trained."""
    _check_data(engine, store.records)
    if run.choice.scheduler is not None:
        return watched(store.append, engine.data_sha256, evidence, say)
    for note in machine_notes(evidence, run.study.device):
        say(note)
    return store.append


def _check_data(engine: OpenEngine, records: Mapping[str, TrialRecord]) -> None:
    """See that the data are those of the stored trials.

    Raises:
        DataDamagedError: If they are not.
    """
    for name, sha256 in engine.data_sha256.items():
        for record in records.values():
            if record.spec.data == name and record.data_sha256 not in ("", sha256):
                raise DataDamagedError(
                    f"{name} in {engine.place} is not the data the stored trials "
                    f"were trained on (SHA-256 {sha256[:12]}, theirs "
                    f"{record.data_sha256[:12]}); give another folder (out)"
                )
