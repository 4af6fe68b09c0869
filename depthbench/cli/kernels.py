"""What a user is told about the kernels of a run."""

from collections.abc import Sequence

from depthbench.architectures.definition import Architecture
from depthbench.cli.messages import say
from depthbench.kernels import compiled
from depthbench.registry import Registry
from depthbench.spec import Cell, StudySpec
from depthbench.study.resolve import unfused


def tell_of_kernels(
    study: StudySpec, cells: Sequence[Cell], architectures: Registry[Architecture]
) -> None:
    """Say if cells that begin now are slow for want of the compiled kernels."""
    if study.kernels != "auto" or study.device != "cpu":
        return
    reason = compiled.missing()
    names = {cell.architecture for cell in cells}
    if reason and any(unfused(architectures[name]) is None for name in names):
        say(f"note: {reason}. Until then the slower reference kernels are used.")


def tell_of_mixture(cells: Sequence[Cell]) -> None:
    """Say if some cells of a folder were trained with other kernels than the rest."""
    names: dict[str, list[str]] = {}
    for cell in cells:
        names.setdefault(cell.template.kernels, []).append(cell.architecture)
    if len(names) > 1:
        shown = "; ".join(
            f"{kernels}: {', '.join(dict.fromkeys(of))}"
            for kernels, of in names.items()
        )
        say(f"note: not all cells of this folder have the same kernels ({shown})")
