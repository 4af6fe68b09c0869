"""The kernels of a study's cells, where the fused ones prove to be wrong."""

from collections.abc import Sequence
from dataclasses import replace

from depthbench.architectures.definition import Architecture
from depthbench.registry import Registry
from depthbench.spec import Cell, StudySpec


def with_sound_kernels(
    study: StudySpec, cells: Sequence[Cell], architectures: Registry[Architecture]
) -> tuple[tuple[Cell, ...], str | None]:
    """The cells of a study, all on the reference where `auto` chose wrong kernels.

    Returns:
        The cells, and what is wrong with the fused kernels on this machine; None if
        nothing is.
    """
    if study.kernels != "auto":
        return tuple(cells), None
    from depthbench.trial.self_check import wrong_kernels

    reason = wrong_kernels(cells, architectures)
    if reason is None:
        return tuple(cells), None
    usual = (replace(cell.template, kernels="reference") for cell in cells)
    pairs = zip(cells, usual, strict=True)
    return tuple(replace(cell, template=trial) for cell, trial in pairs), reason
