"""The search of a cell as a value: `observe` returns the next one."""

from collections.abc import Iterable
from dataclasses import dataclass

from depthbench.record import TrialRecord
from depthbench.search.measured import Key, Trials, measured_of
from depthbench.search.plan import CellPlan
from depthbench.search.registry import strategy_of
from depthbench.spec import Cell


@dataclass(frozen=True, slots=True)
class CellSearch:
    """A cell, what was measured of it, and where its search stands."""

    cell: Cell
    trials: Trials
    plan: CellPlan

    @classmethod
    def over(cls, cell: Cell, records: Iterable[TrialRecord]) -> "CellSearch":
        """The search after these records, up to its first gap.

        Records of other cells are passed over, as are trials that were stopped early,
        which are to be trained again. The order of the records changes nothing, except
        that of several of one trial the last counts.

        Raises:
            ValueError: If the search does not fit the architecture's depths.
        """
        strategy = strategy_of(cell.search)
        strategy.check(cell)
        trials = {
            Key.of(record.spec): measured_of(cell, record)
            for record in records
            if _counts(cell, record)
        }
        return cls(cell, trials, strategy.plan(cell, trials))

    def observe(self, record: TrialRecord) -> "CellSearch":
        """The search after one more record; itself if it is of another cell."""
        if not _counts(self.cell, record):
            return self
        measured = measured_of(self.cell, record)
        trials = {**self.trials, Key.of(record.spec): measured}
        plan = strategy_of(self.cell.search).plan(self.cell, trials)
        return CellSearch(self.cell, trials, plan)


def plan_cell(cell: Cell, records: Iterable[TrialRecord]) -> CellPlan:
    """Where the search of a cell stands after these records; see `CellSearch.over`."""
    return CellSearch.over(cell, records).plan


def _counts(cell: Cell, record: TrialRecord) -> bool:
    return cell.owns(record.spec) and not record.was_stopped
