"""`depthbench run`: measure the largest trainable depth."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from depthbench import runtime
from depthbench.cli import errors
from depthbench.cli.engine import (
    EngineChoice,
    OpenEngine,
    engine_choice,
    engine_options,
    open_engine,
)
from depthbench.cli.machines import tell_of_other_machines, watched
from depthbench.cli.messages import say, say_how_to_continue
from depthbench.cli.options import (
    data_dir_option,
    debug_option,
    json_option,
    plugin_option,
    study_from,
    study_options,
)
from depthbench.cli.parameters import FolderPath, Seconds
from depthbench.cli.signals import noted_signals
from depthbench.record import TrialRecord
from depthbench.spec import Cell, StudySpec, write_study

if TYPE_CHECKING:
    from depthbench.architectures.definition import Architecture
    from depthbench.plan import CellPlan
    from depthbench.registry import Registry
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
    type=FolderPath(),
    help="Results folder. [results/NAME]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Trials at once, a process each. [cores; 1 with cuda; all of a cluster]",
)
@engine_options
@click.option(
    "--timeout",
    type=Seconds(),
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
    a majority of seeds. With --search posterior, each training is made where it tells
    most about k50, the depth where half of all trainings succeed. Kill it at any time:
    the same command continues.
    """
    from depthbench.cli.folder import with_stored_cells, with_stored_kernels
    from depthbench.cli.kernels import tell_of_kernels, tell_of_mixture
    from depthbench.datasets import DATASETS
    from depthbench.plugins import load_architectures
    from depthbench.study.resolve import resolve_cells

    choice = engine_choice(flags)
    study = study_from(study_file, flags)
    plugins = (*runtime.plugin_paths(), *flags["plugin"])
    architectures = load_architectures(plugins)
    # Before the device, for which torch is imported: a typing error costs no wait.
    _check_study(study, architectures)
    for reason in architectures.broken.values():
        say(f"not loaded: {reason}")
    device = choice.device(study.device)
    cells = resolve_cells(study, architectures, DATASETS, device=device)
    study = replace(study, device=device, name=study.name or _default_name(cells))
    folder = flags["out"] or Path("results") / study.name
    if not (folder / "study.toml").exists():
        tell_of_kernels(study, cells, architectures)
    cells = with_stored_kernels(folder, study, cells)
    shown_cells = with_stored_cells(folder, study, cells)
    tell_of_mixture(shown_cells)
    from depthbench.trial import TrialContext

    run = _Run(
        study=study,
        cells=cells,
        shown_cells=shown_cells,
        folder=folder,
        context=TrialContext(
            data_dir=(flags["data_dir"] or runtime.data_dir()).absolute(),
            plugins=tuple(path.absolute() for path in plugins),
        ),
        choice=choice,
        as_json=flags["as_json"],
    )
    if flags["dry_run"]:
        from depthbench.cli.dry_run import show_plan

        num_workers = choice.num_workers(device)
        return show_plan(study, cells, folder, run.context, num_workers, run.as_json)
    return _carry_out(run)


def _check_study(study: StudySpec, architectures: "Registry[Architecture]") -> None:
    """See that every cell of the study exists, whatever the device.

    Raises:
        click.UsageError: If one does not.
    """
    from depthbench.datasets import DATASETS
    from depthbench.plan import check_search
    from depthbench.study.resolve import resolve_cells

    try:
        for cell in resolve_cells(study, architectures, DATASETS, device="cpu"):
            check_search(cell, study)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A run with every choice made.

    Attributes:
        cells: Searched now.
        shown_cells: These and what the folder holds already.
    """

    study: StudySpec
    cells: tuple[Cell, ...]
    shown_cells: tuple[Cell, ...]
    folder: Path
    context: "TrialContext"
    choice: EngineChoice
    as_json: bool


def _carry_out(run: _Run) -> int:
    from depthbench.cli.results import print_results
    from depthbench.report import read_result, write_report
    from depthbench.store import open_store, write_atomic

    with open_store(run.folder) as store:
        if store.num_quarantined:
            say(
                f"{store.num_quarantined} damaged records were moved to "
                f"{store.quarantine}; their trials are run again"
            )
        resolved = write_study(run.study, run.shown_cells)
        write_atomic(run.folder / "study.toml", resolved)
        plans, stopped_by = _search(run, store)
        if stopped_by:
            say_how_to_continue()
            return 128 + stopped_by
        paths = write_report(run.folder)
        print_results(run.folder, read_result(run.folder), as_json=run.as_json)
    say(f"report: {paths.page}")
    return errors.NO_EVIDENCE if any(plan.lost for plan in plans) else 0


def _search(run: _Run, store: "Store") -> tuple[tuple["CellPlan", ...], int]:
    """Run the study in worker processes, which end with this call.

    Returns the final plans, and the number of the signal that stopped it, or 0.
    """
    from depthbench.cli.progress import show_progress
    from depthbench.study.drive import plan_all, run_study

    evidence = [r for r in store.records.values() if r.outcome.is_evidence]
    plans = plan_all(run.cells, run.study, evidence)
    if all(plan.is_done for plan in plans):
        say("every trial of this study is stored already")
        return plans, 0
    cells = [plan.cell for plan in plans if not plan.is_done]
    keep: Callable[[TrialRecord], None] = store.append
    with open_engine(run.choice, cells, run.study.device, run.context) as opened:
        _check_data(opened, store)
        if run.choice.scheduler is None:
            tell_of_other_machines(evidence, run.study.device)
        else:
            keep = watched(keep, opened.data_sha256, evidence)
        with (
            noted_signals() as stopped,
            show_progress(opened.num_workers) as report,
        ):
            plans = run_study(
                run.study,
                run.cells,
                evidence,
                engine=opened.engine,
                keep=keep,
                report=report,
                should_stop=lambda: bool(stopped()),
            )
            return plans, stopped()


def _check_data(opened: OpenEngine, store: "Store") -> None:
    """See that the data are those of the stored trials.

    Raises:
        DataError: If they are not.
    """
    from depthbench.datasets.image_data import DataDamagedError

    for name, sha256 in opened.data_sha256.items():
        for record in store.records.values():
            if record.spec.data == name and record.data_sha256 not in ("", sha256):
                raise DataDamagedError(
                    f"{name} in {opened.place} is not the data the stored trials "
                    f"were trained on (SHA-256 {sha256[:12]}, theirs "
                    f"{record.data_sha256[:12]}); give --out another folder"
                )


def _default_name(cells: tuple[Cell, ...]) -> str:
    names = list(dict.fromkeys(cell.architecture for cell in cells))
    shown = (
        "-".join(names) if len(names) <= 3 else f"{names[0]}-and-{len(names) - 1}-more"
    )
    name = "-".join([shown, *dict.fromkeys(cell.data for cell in cells)])
    # Of a folder of images it has its path.
    return re.sub(r"[^\w.+-]+", "-", name)
