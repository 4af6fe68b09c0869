"""`depthbench run`: measure the largest trainable depth."""

import shlex
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from depthbench import runtime
from depthbench.cli import errors
from depthbench.cli.options import (
    data_dir_option,
    debug_option,
    json_option,
    plugin_option,
    study_from,
    study_options,
)
from depthbench.cli.signals import noted_signals
from depthbench.plan import CellPlan, start_search
from depthbench.spec import Cell, StudySpec, read_study, write_study

if TYPE_CHECKING:
    from depthbench.store import Store
    from depthbench.trial import TrialContext


@click.command("run")
@click.argument(
    "study_file",
    required=False,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@study_options
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Results folder. [results/NAME]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Trials at once, a process each. [cores; 1 with cuda]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Give up a trial after this long: no evidence. [never]",
)
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and its cost; train nothing."
)
@data_dir_option
@plugin_option
@json_option
@debug_option
def command(study_file: Path | None, **flags: Any) -> int:
    """Measure the largest trainable depth of one or more architectures.

    The depth doubles until it fails and is then bisected; every depth is decided by
    a majority of seeds. Kill it at any time: the same command continues.
    """
    from depthbench.cells import resolve_cells
    from depthbench.datasets import DATASETS
    from depthbench.plugins import load_architectures

    study = study_from(study_file, flags)
    device = runtime.resolve_device(study.device)
    plugins = (*runtime.plugin_paths(), *flags["plugin"])
    try:
        cells = resolve_cells(
            study, load_architectures(plugins), DATASETS, device=device
        )
        for cell in cells:
            start_search(cell, study)
        study = replace(study, device=device, name=study.name or _default_name(cells))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    folder = flags["out"] or Path("results") / study.name
    data_folder = flags["data_dir"] or runtime.data_dir()
    workers = flags["workers"] or (1 if device == "cuda" else runtime.num_cores())
    from depthbench.trial import TrialContext

    context = TrialContext(
        data_dir=data_folder.absolute(),
        plugins=tuple(path.absolute() for path in plugins),
    )
    if flags["dry_run"]:
        from depthbench.cli.dry_run import show_plan

        return show_plan(study, cells, folder, context, workers, flags["as_json"])
    return _run(study, cells, folder, context, workers, flags)


def _run(
    study: StudySpec,
    cells: tuple[Cell, ...],
    folder: Path,
    context: "TrialContext",
    workers: int,
    flags: dict[str, Any],
) -> int:
    from depthbench.cli.results import print_results
    from depthbench.report import read_result, write_report
    from depthbench.store import open_store, write_atomic

    _refuse_another_study(folder, study)
    with open_store(folder) as store:
        if store.num_quarantined:
            _say(
                f"{store.num_quarantined} damaged records were moved to "
                f"{store.quarantine}; their trials are run again"
            )
        write_atomic(folder / "study.toml", write_study(study, cells))
        plans, stopped_by = _search(study, cells, store, context, workers, flags)
        if stopped_by:
            _say("stopped; every finished trial is saved. Continue with:")
            _say(f"  {shlex.join(['depthbench', *sys.argv[1:]])}")
            return 128 + stopped_by
        paths = write_report(folder)
        print_results(folder, read_result(folder), as_json=flags["as_json"])
    _say(f"report: {paths.page}")
    unknown = [plan for plan in plans if plan.search.unknown is not None]
    return errors.NO_EVIDENCE if unknown else 0


def _search(
    study: StudySpec,
    cells: tuple[Cell, ...],
    store: "Store",
    context: "TrialContext",
    workers: int,
    flags: dict[str, Any],
) -> tuple[tuple[CellPlan, ...], int]:
    """Run the study in worker processes, which end with this call.

    Returns the final plans, and the number of the signal that stopped it, or 0.
    """
    from depthbench.cli.progress import show_progress
    from depthbench.executors import LocalProcesses
    from depthbench.study import Engine, plan_all, run_study
    from depthbench.trial import run_trial

    evidence = [r for r in store.records.values() if r.outcome.is_evidence]
    plans = plan_all(cells, study, evidence)
    if all(plan.is_done for plan in plans):
        _say("every trial of this study is stored already")
        return plans, 0
    _load_data(plans, store, context)
    executor = LocalProcesses(
        workers,
        prepare=partial(runtime.configure_process, num_threads=1),
        timeout_seconds=flags["timeout"],
    )
    try:
        with noted_signals() as stopped, show_progress(study, workers) as report:
            plans = run_study(
                study,
                cells,
                evidence,
                engine=Engine(
                    lambda spec: executor.submit(run_trial, spec, context), workers
                ),
                keep=store.append,
                report=report,
                should_stop=lambda: bool(stopped()),
            )
            return plans, stopped()
    finally:
        executor.shutdown(cancel_futures=True)


def _load_data(
    plans: tuple[CellPlan, ...], store: "Store", context: "TrialContext"
) -> None:
    """Load each data set that is still needed once, before any worker starts.

    So that a missing or damaged one is told at once, and a generated one is made once.

    Raises:
        DataError: If one cannot be had, or is not the one of the stored trials.
    """
    from depthbench.datasets import DATASETS
    from depthbench.datasets.image_data import DataDamagedError

    for name in dict.fromkeys(plan.cell.data for plan in plans if not plan.is_done):
        sha256 = DATASETS[name].load(context.data_dir).sha256
        for record in store.records.values():
            if record.spec.data == name and record.data_sha256 not in ("", sha256):
                raise DataDamagedError(
                    f"{name} in {context.data_dir} is not the data the stored trials "
                    f"were trained on (SHA-256 {sha256[:12]}, theirs "
                    f"{record.data_sha256[:12]}); give --out another folder"
                )


def _refuse_another_study(folder: Path, study: StudySpec) -> None:
    """Refuse a folder whose trials were trained in another way than this study asks.

    Raises:
        click.UsageError: If its study differs in a field that training depends on.
    """
    path = folder / "study.toml"
    if not path.exists():
        return
    try:
        differences = study.training_differences(read_study(path))
    except ValueError as error:
        raise click.UsageError(f"{error}; give --out another folder") from error
    if differences:
        raise click.UsageError(
            f"{folder} holds another study ({'; '.join(differences)}); "
            "give --name or --out another one"
        )


def _default_name(cells: tuple[Cell, ...]) -> str:
    names = list(dict.fromkeys(cell.architecture for cell in cells))
    shown = (
        "-".join(names) if len(names) <= 3 else f"{names[0]}-and-{len(names) - 1}-more"
    )
    return "-".join([shown, *dict.fromkeys(cell.data for cell in cells)])


def _say(message: str) -> None:
    click.echo(message, err=True)
