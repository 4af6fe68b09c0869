"""What a comparison tells continuous integration: worse, unresolved or neither."""

from collections.abc import Iterator

from depthbench.report.comparison import Comparison, Side
from depthbench.report.results import Status
from depthbench.study.compare import Comparisons
from depthbench.study.selection import cell_text

# What may differ between two versions of one architecture.
_OF_THE_NETWORK = ("architecture", "plugin_sha256", "kernels")


def worse(comparisons: Comparisons, tolerance: float) -> tuple[str, ...]:
    """Cells of B that are credibly shallower than those of A, asked alike."""
    return tuple(
        cell_text(each.b.cell)
        for each in comparisons
        if each.is_worse(tolerance) and not any(unequal_settings(each))
    )


def unresolved(comparisons: Comparisons, tolerance: float = 0.0) -> tuple[str, ...]:
    """Why no answer can be given, cell by cell: never a sign that nothing changed."""
    return (*comparisons.notes, *_open_pairs(comparisons, tolerance))


def unequal_settings(comparison: Comparison) -> Iterator[str]:
    """Settings that make the two sides different experiments.

    Two different architectures may differ in what each brings, as its learning rate;
    never in the data, or in what "trains" means.
    """
    names = {side.cell.cell.architecture for side in (comparison.a, comparison.b)}
    for each in comparison.differences:
        is_asked = each.kind == "training" and each.field not in _OF_THE_NETWORK
        if each.kind in ("data", "criterion") or (is_asked and len(names) == 1):
            yield f"{each.field} is {each.a} in A, {each.b} in B"


def too_few_trials(comparison: Comparison) -> Iterator[str]:
    """What the searches left open, where the trials there are do not decide."""
    if comparison.is_same or comparison.is_worse() or comparison.is_better:
        return
    for name, side in (("A", comparison.a), ("B", comparison.b)):
        if reason := _left_open(side):
            yield f"too few trials: {name} {reason}"


def _left_open(side: Side) -> str:
    plan, status = side.cell.plan, side.cell.status
    if plan.limited_by is not None:
        return f"is imprecise, {plan.limited_by}"
    if status in (Status.UNFINISHED, Status.STOPPED):
        return f"is {status}"
    return ""


def _open_pairs(comparisons: Comparisons, tolerance: float) -> Iterator[str]:
    for each in comparisons:
        reasons = list(unequal_settings(each))
        if not each.is_worse(tolerance):
            reasons += too_few_trials(each)
        if reasons:
            yield f"{cell_text(each.b.cell)}: {'; '.join(reasons)}"
