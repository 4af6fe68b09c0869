"""The fold of a grid: every depth between two ends, with every seed."""

from depthbench.plan.measured import MeasuredTrials
from depthbench.plan.state import CellPlan, End, from_trials
from depthbench.spec import Cell, StudySpec


def plan_grid(cell: Cell, study: StudySpec, measured: MeasuredTrials) -> CellPlan:
    """Where the grid stands; all that is missing is wanted at once.

    Coarse before fine, all seeds of a depth together: interrupted at any time, what
    is there spans the whole range, and its depths are decided.
    """
    assert study.depths is not None
    depths = coarse_to_fine(list(cell.grid.between(*study.depths)))
    seeds = range(study.first_seed, study.first_seed + study.seeds)
    asked = [(depth, seed) for depth in depths for seed in seeds]
    missing = [trial for trial in asked if trial not in measured]
    return from_trials(
        cell,
        study,
        asked,
        measured,
        end=End(),
        num_left=len(missing),
        layer_epochs_left=study.epochs * sum(depth for depth, _ in missing),
    )


def coarse_to_fine(depths: list[int]) -> list[int]:
    """The same depths: both ends, the middle, the middles of the halves, ..."""
    ordered = [depths[0], depths[-1]]
    gaps = [(0, len(depths) - 1)]
    while gaps:
        ordered += [depths[(low + high) // 2] for low, high in gaps if high - low > 1]
        gaps = [
            half
            for low, high in gaps
            if high - low > 1
            for half in ((low, (low + high) // 2), ((low + high) // 2, high))
        ]
    return list(dict.fromkeys(ordered))
