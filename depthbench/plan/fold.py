"""Which fold belongs to which search, and what each search demands of a study."""

from collections.abc import Callable, Iterable

from depthbench.plan.bisect import plan_bisection
from depthbench.plan.grid import plan_grid
from depthbench.plan.measured import MeasuredTrials, measured_trials
from depthbench.plan.posterior import plan_posterior
from depthbench.plan.state import CellPlan
from depthbench.plan.tuned import plan_tuned
from depthbench.plan.tuned_depth import rate_trials
from depthbench.record import TrialRecord
from depthbench.spec import Cell, StudySpec
from depthbench.spec.choices import SearchName

Fold = Callable[[Cell, StudySpec, MeasuredTrials], CellPlan]

_FOLDS: dict[SearchName, Fold] = {
    "bisect": plan_bisection,
    "posterior": plan_posterior,
    "grid": plan_grid,
}


def check_search(cell: Cell, study: StudySpec) -> None:
    """Whether the study's depths and cap fit the architecture's grid.

    Raises:
        ValueError: If they do not. The ends of a `grid` search need not exist, as
            architectures have different grids; a depth between them must.
    """
    grid = cell.grid
    if study.cap < grid.start:
        raise ValueError(
            f"cap = {study.cap}: {cell.architecture} starts at depth {grid.start}"
        )
    if study.depths is not None:
        if study.search != "grid" or not grid.between(*study.depths):
            for depth in study.depths:
                grid.check(depth, f"depths: {cell.architecture}:")
        if study.depths[1] > study.cap:
            raise ValueError(
                f"depths = {study.depths[0]}:{study.depths[1]}: the upper end is above "
                f"the cap {study.cap}; raise --cap"
            )


def plan_cell(cell: Cell, study: StudySpec, records: Iterable[TrialRecord]) -> CellPlan:
    """Fold the search of `cell` over the stored records, up to the first gap.

    Records of other cells are passed over. The order of the records changes nothing,
    except that of several of one trial the last counts.

    Raises:
        ValueError: If the study's depths or cap do not fit the architecture's grid.
    """
    check_search(cell, study)
    if cell.rate.range is not None:
        return plan_tuned(cell, study, rate_trials(cell, records))
    fold = _FOLDS[study.search]
    return fold(cell, study, measured_trials(cell, records))
