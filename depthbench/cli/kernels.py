"""What a user is told about the kernels of a run."""

from collections.abc import Sequence

from depthbench.cli.messages import say
from depthbench.kernels import library
from depthbench.spec import Cell, StudySpec


def tell_of_kernels(study: StudySpec, cells: Sequence[Cell]) -> None:
    """Say once if trials will be slow for want of the compiled kernels.

    Raises:
        LibraryMissingError: If a cell cannot be trained without them.
    """
    if study.device != "cpu" or not (reason := library.missing()):
        return
    if any(cell.template.kernels == "fused" for cell in cells):
        raise library.LibraryMissingError(f"{reason}; or use --kernels reference")
    if study.kernels == "auto":
        say(f"note: {reason}. Until then the slower reference kernels are used.")
