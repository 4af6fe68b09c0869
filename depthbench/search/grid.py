"""`grid`: every depth between two ends, with every seed."""

from collections.abc import Iterable, Sequence

from depthbench.search.measured import BySeed, Trials, by_seed
from depthbench.search.plan import CellPlan, End, from_trials, split
from depthbench.search.strategy import CUT_SENTENCE, Strategy, check_cap
from depthbench.spec import Cell, SearchSpec
from depthbench.text import count


class Grid(Strategy):
    """Every depth between two ends, with every seed, whatever comes of them."""

    settings = frozenset({"seeds", "first_seed", "depths", "cap"})
    adapts = False

    def plan(self, cell: Cell, trials: Trials) -> CellPlan:
        """Where the grid stands; all that is missing is wanted at once.

        Coarse before fine, all seeds of a depth together: interrupted at any time,
        what is there spans the whole range, and its depths are decided.
        """
        measured = by_seed(trials)
        first, num_seeds = cell.search.first_seed, cell.search.seeds
        asked = [
            (depth, seed)
            for depth in coarse_to_fine(_depths(cell))
            for seed in range(first, first + num_seeds)
        ]
        missing = [trial for trial in asked if trial not in measured]
        return from_trials(
            cell,
            asked,
            measured,
            end=End() if missing else End(unknown=_without_answer(asked, measured)),
            num_left=len(missing),
            at_once=max(1, len(missing)),
            layer_epochs_left=cell.template.epochs * sum(d for d, _ in missing),
        )

    def check(self, cell: Cell) -> None:
        """Whether there is a depth to train.

        The ends need not exist, as architectures have different grids; a depth between
        them must.
        """
        if cell.search.depths is None:
            raise ValueError(
                f"search = {cell.search.name}: needs the depths to train at; add "
                "depths, as in 3:60"
            )
        check_cap(cell)
        if not _depths(cell):
            for depth in cell.search.depths:
                cell.grid.check(depth, f"depths: {cell.architecture}:")

    def overview(self, search: SearchSpec) -> str:
        """One sentence on how depths are chosen."""
        which = "every depth k that was asked for"
        if search.only_depth is not None:
            which = "one depth"
        return f"Each architecture was trained at {which}."

    def explanation(self, search: SearchSpec) -> tuple[str, ...]:
        """How depths are chosen and decided."""
        low, high = search.depths or (0, 0)
        which = f"Every depth there is from {low} to {high}"
        if search.only_depth is not None:
            which = f"Depth {low}"
        return (f"{which} is trained with {count(search.seeds, 'seed')}.", CUT_SENTENCE)


def coarse_to_fine(depths: Sequence[int]) -> list[int]:
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


def _depths(cell: Cell) -> range:
    return cell.grid.between(*(cell.search.depths or (1, 0)))


def _without_answer(asked: Iterable[tuple[int, int]], measured: BySeed) -> int | None:
    """A depth where nothing could be measured, if the answer may lie there.

    Of those beyond the deepest depth seen to train, where none was seen to fail, the
    shallowest; else of those before the shallowest seen to fail, where none was seen to
    train, the deepest.
    """
    seen = [(depth, measured[depth, seed]) for depth, seed in asked]
    observations = [(depth, each.trained) for depth, each in seen if each.is_evidence]
    trains, fails = split(observations)
    unseen = {depth for depth, _ in seen} - {depth for depth, _ in observations}
    if fails is None:
        return min((d for d in unseen if trains is None or d > trains), default=None)
    if trains is None:
        return max((d for d in unseen if d < fails), default=None)
    return None
