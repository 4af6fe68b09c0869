"""A results folder that already holds a study, and the one that is asked for now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from depthbench.record import TrialRecord
from depthbench.search import strategy_of
from depthbench.spec import Cell, StudySpec, TrialSpec, UsageError, read_resolved
from depthbench.spec.study import SEARCH_FIELDS, TRAINING_FIELDS


@dataclass(frozen=True, slots=True)
class Stored:
    """A study in a results folder with trials in it."""

    folder: Path
    study: StudySpec
    cells: tuple[Cell, ...]
    specs: tuple[TrialSpec, ...]

    def has_trials_of(self, cell: Cell) -> bool:
        """Whether there is any training of this cell."""
        return any(cell.owns(spec) for spec in self.specs)


def stored_in(folder: Path, records: Iterable[TrialRecord]) -> Stored | None:
    """What a folder holds, given its records; None without a study or any record.

    Raises:
        UsageError: If its study cannot be read.
    """
    path = folder / "study.toml"
    specs = tuple(record.spec for record in records)
    if not specs or not path.exists():
        return None
    try:
        study, cells = read_resolved(path)
    except ValueError as error:
        raise UsageError(f"{error}; give another folder (out)") from error
    return Stored(folder, study, cells, specs)


def as_begun(
    stored: Stored, study: StudySpec, cells: Sequence[Cell]
) -> tuple[StudySpec, tuple[Cell, ...]]:
    """What is asked for, its searches started where those of the folder were.

    Another first depth would make another search, and lose what was trained for it.
    """
    if "start" in strategy_of(study.search_spec).settings:
        study = replace(study, start=stored.study.start)
    forecasts = {cell.key: cell.forecast for cell in stored.cells}
    return study, tuple(
        replace(cell, search=study.search_spec, forecast=forecasts.get(cell.key))
        for cell in cells
    )


def with_stored_kernels(
    stored: Stored, study: StudySpec, cells: Sequence[Cell]
) -> tuple[Cell, ...]:
    """The cells asked for; one that was begun goes on with the kernels it began with.

    One that differs in anything else, as a user's edited file does, begins anew.

    Raises:
        UsageError: If the study names other kernels.
    """

    def goes_on(cell: Cell) -> Cell:
        begun = _begun(stored, cell)
        if begun and study.kernels not in ("auto", begun.template.kernels):
            raise UsageError(
                f"{stored.folder} holds {cell.architecture} trained with kernels = "
                f"{begun.template.kernels}, asked are {study.kernels}; give another "
                "name or folder (out)"
            )
        return begun or cell

    return tuple(goes_on(cell) for cell in cells)


def have_begun(stored: Stored | None, cells: Sequence[Cell]) -> bool:
    """Whether all cells go on with the kernels that they began with."""
    return stored is not None and all(_begun(stored, cell) for cell in cells)


def _begun(stored: Stored, cell: Cell) -> Cell | None:
    """The cell with the kernels it began with; None if it begins anew."""
    old = next((each for each in stored.cells if each.key == cell.key), None)
    if old is None or not stored.has_trials_of(old):
        return None
    kernels = old.template.kernels
    same = replace(cell, template=replace(cell.template, kernels=kernels))
    return same if same.template == old.template else None


def with_stored_cells(
    stored: Stored, study: StudySpec, cells: Sequence[Cell]
) -> tuple[Cell, ...]:
    """The cells asked for, and those the folder holds trials of, in its order.

    Raises:
        UsageError: If the trials in the folder were trained in another way than the
            study asks; or if its other cells were searched or judged in another way
            than the study would from now on.
    """
    asked = {cell.key: cell for cell in cells}
    kept = [
        cell
        for cell in stored.cells
        if cell.key not in asked
        and not any(cell.trains_like(other) for other in cells)
        and stored.has_trials_of(cell)
    ]
    # Cells that are kept would be searched and judged anew, and not as they were.
    searched = tuple(name for name in SEARCH_FIELDS if name != "start")
    fields = TRAINING_FIELDS + (searched if kept else ())
    differences = study.differences(stored.study, fields)
    if differences:
        others = ", ".join(dict.fromkeys(cell.architecture for cell in kept))
        raise UsageError(
            f"{stored.folder} holds another study{f' (of {others})' if kept else ''}: "
            f"{'; '.join(differences)}; give another name or folder (out)"
        )
    old = [cell for cell in stored.cells if cell in kept or cell.key in asked]
    return (*(asked.pop(cell.key, cell) for cell in old), *asked.values())
