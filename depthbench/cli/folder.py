"""A results folder that already holds a study, and the one that is asked for now."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from depthbench.spec import Cell, StudySpec, read_cells, read_study
from depthbench.spec.study import SEARCH_FIELDS, TRAINING_FIELDS
from depthbench.store import read_records


def with_stored_kernels(
    folder: Path, study: StudySpec, cells: Sequence[Cell]
) -> tuple[Cell, ...]:
    """The cells asked for; one that was begun goes on with the kernels it began with.

    One that differs in anything else, as a user's edited file does, begins anew.

    Raises:
        click.UsageError: If the study names other kernels.
    """
    path = folder / "study.toml"
    if not path.exists():
        return tuple(cells)
    specs = [record.spec for record in read_records(folder).records.values()]
    if not specs:
        return tuple(cells)
    try:
        before = {cell.key: cell for cell in read_cells(path)}
    except ValueError as error:
        raise click.UsageError(f"{error}; give --out another folder") from error

    def with_stored(cell: Cell) -> Cell:
        stored = before.get(cell.key)
        if stored is None or not any(stored.owns(spec) for spec in specs):
            return cell
        kernels = stored.template.kernels
        begun = replace(cell, template=replace(cell.template, kernels=kernels))
        if begun.template != stored.template:
            return cell
        if study.kernels not in ("auto", kernels):
            raise click.UsageError(
                f"{folder} holds {cell.architecture} trained with kernels = {kernels}, "
                f"asked are {study.kernels}; give --name or --out another one"
            )
        return begun

    return tuple(with_stored(cell) for cell in cells)


def with_stored_cells(
    folder: Path, study: StudySpec, cells: Sequence[Cell]
) -> tuple[Cell, ...]:
    """The cells asked for, and those the folder holds trials of, in its order.

    Raises:
        click.UsageError: If the trials in the folder were trained in another way than
            the study asks; or if its other cells were searched or judged in another
            way than the study would from now on.
    """
    path = folder / "study.toml"
    if not path.exists():
        return tuple(cells)
    specs = [record.spec for record in read_records(folder).records.values()]
    if not specs:
        return tuple(cells)
    try:
        stored, before = read_study(path), read_cells(path)
    except ValueError as error:
        raise click.UsageError(f"{error}; give --out another folder") from error
    asked = {cell.key: cell for cell in cells}
    kept = [
        cell
        for cell in before
        if cell.key not in asked
        and not any(cell.trains_like(other) for other in cells)
        and any(cell.owns(spec) for spec in specs)
    ]
    # Cells that are kept would be searched and judged anew, and not as they were.
    fields = TRAINING_FIELDS + (SEARCH_FIELDS if kept else ())
    differences = study.differences(stored, fields)
    if differences:
        others = ", ".join(dict.fromkeys(cell.architecture for cell in kept))
        raise click.UsageError(
            f"{folder} holds another study{f' (of {others})' if kept else ''}: "
            f"{'; '.join(differences)}; give --name or --out another one"
        )
    old = [cell for cell in before if cell in kept or cell.key in asked]
    return (*(asked.pop(cell.key, cell) for cell in old), *asked.values())
