"""Values that tests build from others."""

from dataclasses import replace

from depthbench.spec import Cell, StudySpec


def under(study: StudySpec, cell: Cell) -> Cell:
    """The cell, searched as the study says."""
    return replace(cell, search=study.search_spec)
