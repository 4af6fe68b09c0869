"""Two results side by side: which cells belong together, and how much they differ.

And what that tells continuous integration: worse, unresolved or neither.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthbench.curves import Estimate
from depthbench.report.comparison import Comparison, Side
from depthbench.report.comparison import compare as compare_cells
from depthbench.report.comparison_tables import comparison_table
from depthbench.report.results import CellResult, Status
from depthbench.spec import UsageError
from depthbench.study.result import Result, load
from depthbench.study.selection import cell_text

if TYPE_CHECKING:
    import pandas as pd

Pairs = list[tuple[Side, Side]]

# What may differ between two versions of one architecture.
_OF_THE_NETWORK = ("architecture", "plugin_sha256", "kernels")


class NothingToCompareError(UsageError):
    """One side has nothing that the other could be compared with."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparisons:
    """How much deeper the cells of B train than those of A.

    Attributes:
        pairs: A comparison for each two cells that belong together, in the order of A.
        notes: What has nothing to be compared with, in words.
    """

    pairs: tuple[Comparison, ...]
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[Comparison]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def table(self) -> "pd.DataFrame":
        """One row per comparison: both k50, their ratio with its interval, and more."""
        return comparison_table(self.pairs).frame

    def __repr__(self) -> str:
        return "\n".join(
            f"{cell_text(each.b.cell)} / {cell_text(each.a.cell)}: k50 "
            f"{ratio_text(each.ratio)}, {finding(each)}"
            for each in self.pairs
        )

    def _repr_html_(self) -> str:
        return str(self.table.dropna(axis="columns", how="all").to_html(index=False))


def compare(a: Result | str | Path, b: Result | str | Path) -> Comparisons:
    """How much deeper B trains than A: the ratio of their k50, and what differs.

    Cells of the same architecture, data and protocol are compared; or the two, if each
    side has one. Reads records only.

    Args:
        a: A result, a results folder, or cells of one as for `load`.
        b: As `a`.

    Raises:
        UsageError: If there is no such folder or cell.
        NothingToCompareError: If no two cells can be compared.
        StoreError: If records cannot be read.
    """
    results = [each if isinstance(each, Result) else load(each) for each in (a, b)]
    sides = [[Side(each.found, cell) for cell in each.cells] for each in results]
    pairs = matched(*sides)
    compared = [compare_cells(*pair) for pair in pairs]
    found = tuple(each for each in compared if each is not None)
    if not found:
        first, second = (cell_text(side.cell) for side in pairs[0])
        raise NothingToCompareError(
            f"nothing to compare: {first} or {second} has no measured trial yet, which "
            "`depthbench run` adds, or is a grid of one depth, which has no k50"
        )
    return Comparisons(
        found,
        notes=(
            *_without_counterpart(sides, pairs, [each.folder for each in results]),
            *(
                f"{cell_text(pair[0].cell)} has no k50 on both sides"
                for pair, each in zip(pairs, compared, strict=True)
                if each is None
            ),
        ),
    )


def matched(a: Sequence[Side], b: Sequence[Side]) -> Pairs:
    """The cells that belong together, in the order of `a`.

    One cell on each side is a pair, whatever the two are. Else those of the same
    architecture, data and protocol are; and where each side is of one architecture,
    those of the same data and protocol.

    Raises:
        NothingToCompareError: If nothing belongs together, saying what there is.
    """
    if len(a) == len(b) == 1:
        return [(a[0], b[0])]
    pairs = _joined(a, b, lambda cell: cell.cell.key)
    has_one_each = all(len({s.cell.cell.architecture for s in x}) == 1 for x in (a, b))
    if not pairs and has_one_each:
        pairs = _joined(a, b, lambda cell: cell.cell.key[1:])
    if pairs:
        return pairs
    sides = (", ".join(cell_text(side.cell) for side in x) for x in (a, b))
    raise NothingToCompareError(
        "A and B have no cell in common: A has {}; B has {}; name one of each, as in "
        "FOLDER:ARCH@PROTOCOL@DATA".format(*sides)
    )


def ratio_text(ratio: Estimate) -> str:
    """A ratio with its 90 % interval: "1.25 (1.02 to 1.61)"; or a bound: "≥ 1.4"."""
    low, median, high = (
        None if number is None else f"{number:.2f}"
        for number in (ratio.low, ratio.median, ratio.high)
    )
    if low is None or high is None:
        bound = f"≥ {low}" if low else f"≤ {high}" if high else ""
        return (f"{median} ({bound})" if bound else median) if median else bound or "?"
    return f"{median} ({low} to {high})" if median else f"{low} to {high}"


def finding(comparison: Comparison) -> str:
    """What the interval says of B."""
    if comparison.is_same:
        return "the same trials"
    if comparison.is_worse():
        return "B is shallower"
    return "B is deeper" if comparison.is_better else "not told apart"


def _joined(
    a: Sequence[Side], b: Sequence[Side], key: Callable[[CellResult], Hashable]
) -> Pairs:
    others = {key(side.cell): side for side in b}
    return [(side, others[key(side.cell)]) for side in a if key(side.cell) in others]


def _without_counterpart(
    sides: Sequence[Sequence[Side]], pairs: Pairs, folders: Sequence[Any]
) -> Iterator[str]:
    used = {id(side) for pair in pairs for side in pair}
    for mine, folder in zip(sides, folders, strict=True):
        for side in mine:
            if id(side) not in used:
                name = f"{cell_text(side.cell)} of {folder}"
                yield f"{name} has no counterpart on the other side"


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
