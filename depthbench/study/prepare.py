"""A run with every choice made, from what a call in Python or a command asks for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthbench import datasets, runtime
from depthbench.architectures.definition import Architecture
from depthbench.engine import EngineChoice, engine_choice
from depthbench.record import TrialRecord
from depthbench.registry import Registry
from depthbench.spec import Cell, StudySpec, UsageError, read_study, study_of
from depthbench.study.architectures import Given, asked_for
from depthbench.study.folder import (
    as_begun,
    have_begun,
    stored_in,
    with_stored_cells,
    with_stored_kernels,
)
from depthbench.study.messages import say
from depthbench.study.notes import kernel_notes, mixture_notes, rate_notes
from depthbench.study.resolve import resolve_cells, with_sound_kernels

if TYPE_CHECKING:
    from depthbench.trial import TrialContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run with every choice made.

    Attributes:
        cells: Searched now.
        shown_cells: These and what the folder holds already.
        registry: All architectures there are.
        folder: Of the results.
        data_dir: Where the data sets lie.
        plugins: Files that define further architectures.
        written: Text of the plugin files to put into the folder, by name.
    """

    study: StudySpec
    cells: tuple[Cell, ...]
    shown_cells: tuple[Cell, ...]
    registry: Registry[Architecture]
    folder: Path
    data_dir: Path
    plugins: tuple[Path, ...]
    choice: EngineChoice
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> "TrialContext":
        """For trials in this process or on this machine; imports torch."""
        from depthbench.trial import TrialContext

        return TrialContext(data_dir=self.data_dir, plugins=self.plugins)


def prepare(  # noqa: PLR0913 - each is a keyword of `measure`
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
    **values: Any,
) -> Run:
    """A run of these arguments, which are those of `measure`; nothing is written.

    Raises:
        UsageError: If something asked for is not allowed or not there.
        DeviceError: If the device is not here.
        ClusterError: If a cluster cannot be reached.
    """
    choice = engine_choice(
        engine,
        scheduler,
        workers=workers,
        timeout=timeout,
        data_dir=_folder("data_dir", data_dir),
        may_fetch=fetch,
    )
    asked = asked_for(arch, _plugin_files(plugins))
    spec = _study(study, asked.names, values)
    # Before the device, for which torch is imported: a typing error costs no wait.
    _cells(spec, asked.registry, "cpu")
    for reason in asked.registry.broken.values():
        say(f"not loaded: {reason}")
    device = choice.device(spec.device)
    cells = _cells(spec, asked.registry, device)
    spec = replace(spec, device=device, name=spec.name or _default_name(cells))
    folder = _folder("out", out) or Path("results") / spec.name
    written = (folder / name for name in asked.written)
    return Run(
        study=spec,
        cells=cells,
        shown_cells=cells,
        registry=asked.registry,
        folder=folder,
        data_dir=(choice.data_dir or runtime.data_dir()).absolute(),
        plugins=tuple(path.absolute() for path in (*asked.plugins, *written)),
        choice=choice,
        written=asked.written,
    )


def on_top_of(run: Run, records: Iterable[TrialRecord]) -> Run:
    """The run, given the records in its folder, which it continues as it began.

    Raises:
        UsageError: If they belong to another study.
    """
    if not (run.folder / "study.toml").exists():
        for note in kernel_notes(run.study, run.cells, run.registry):
            say(note)
    stored = stored_in(run.folder, records)
    if run.choice.scheduler is None and not have_begun(stored, run.cells):
        cells, wrong = with_sound_kernels(run.study, run.cells, run.registry)
        run = replace(run, cells=cells, shown_cells=cells)
        if wrong:
            say(f"note: {wrong}. Cells that begin now have the reference kernels.")
    if stored is not None:
        study, cells = as_begun(stored, run.study, run.cells)
        cells = with_stored_kernels(stored, study, cells)
        shown = with_stored_cells(stored, study, cells)
        run = replace(run, study=study, cells=cells, shown_cells=shown)
    for note in (*rate_notes(run.study, run.cells), *mixture_notes(run.shown_cells)):
        say(note)
    return run


def _folder(what: str, given: str | Path | None) -> Path | None:
    if given == "":
        raise UsageError(f"{what} = '': the name of a folder is empty")
    return None if given is None else Path(given)


def _plugin_files(given: Iterable[str | Path]) -> tuple[Path, ...]:
    paths = [Path(path) for path in ([given] if isinstance(given, str) else given)]
    for path in paths:
        if not path.is_file():
            raise UsageError(f"plugins = {path}: no such file")
    return (*runtime.plugin_paths(), *paths)


def _study(
    path: str | Path | None, names: tuple[str, ...], values: Mapping[str, Any]
) -> StudySpec:
    """The study in a file, values in place of its keys; or one of values alone."""
    given = dict(values) | ({"arch": names} if names else {})
    if path is None and not names:
        raise UsageError(
            "name an architecture, as elu_bn, or a study file; `depthbench list` shows "
            "what there is"
        )
    try:
        return study_of(given) if path is None else read_study(Path(path), given)
    except ValueError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _cells(
    study: StudySpec, registry: Registry[Architecture], device: str
) -> tuple[Cell, ...]:
    try:
        return resolve_cells(study, registry, datasets.DATASETS, device=device)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _default_name(cells: tuple[Cell, ...]) -> str:
    names = list(dict.fromkeys(cell.architecture for cell in cells))
    shown = (
        "-".join(names) if len(names) <= 3 else f"{names[0]}-and-{len(names) - 1}-more"
    )
    name = "-".join([shown, *dict.fromkeys(cell.data for cell in cells)])
    # A folder of images is named by its path.
    return re.sub(r"[^\w.+-]+", "-", name)
