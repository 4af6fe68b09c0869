"""The rows of the table of depths."""

from typing import NamedTuple

from depthbench.curves import Estimate
from depthbench.report.results import CellResult, StudyResult
from depthbench.report.ties import Ties, ties

_NO_ESTIMATE = Estimate(None, None, None)


class DepthRow(NamedTuple):
    """A cell of the study, and the cells that it ties with."""

    cell: CellResult
    ties: Ties

    @property
    def k50(self) -> Estimate:
        """Without any number where there is no fit."""
        return self.cell.fit.k50 if self.cell.fit else _NO_ESTIMATE

    @property
    def k90(self) -> Estimate:
        """The same of k90."""
        return self.cell.fit.k90 if self.cell.fit else _NO_ESTIMATE


def depth_rows(result: StudyResult) -> list[DepthRow]:
    """One for each cell, in the study's order."""
    found = ties(result.cells)
    none = Ties((), "")
    return [DepthRow(each, found.get(each.cell.key, none)) for each in result.cells]
