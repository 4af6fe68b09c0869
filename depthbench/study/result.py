"""What a results folder says, for Python and for notebooks."""

import base64
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from depthbench.curves import Estimate
from depthbench.report import StudyResult, read_result
from depthbench.report.depth_columns import depths_table
from depthbench.report.epoch_columns import epochs_table
from depthbench.report.results import CellResult
from depthbench.report.trial_columns import trials_table
from depthbench.report.words import answer_sentence
from depthbench.spec import StudySpec, UsageError
from depthbench.study.selection import cell_text, chosen, folder_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What the trials of a study say; `measure` and `load` give one.

    It prints as one sentence per cell; in a notebook, as a table and the figure of the
    success curves. Errors are fractions, times are seconds.

    Attributes:
        folder: Of the results, with the report of all cells: `report.html`.
        found: The study with its cells and records.
        unwritten: Why the report could not be written, and how it can; None if it was.
    """

    folder: Path
    found: StudyResult
    unwritten: str | None = None

    @property
    def study(self) -> StudySpec:
        """What was asked."""
        return self.found.study

    @property
    def cells(self) -> tuple[CellResult, ...]:
        """One for each architecture x data set x protocol x learning rate."""
        return self.found.cells

    def __getitem__(self, text: str) -> "Result":
        """Some of the cells: ARCH, ARCH@PROTOCOL or ARCH@PROTOCOL@DATA, with wildcards.

        Raises:
            UsageError: If there are none.
        """
        cells = chosen(text, self.cells, self.folder)
        return replace(self, found=replace(self.found, cells=cells))

    @property
    def k50(self) -> Estimate:
        """The depth at which half of all trainings succeed, with its 90 % interval.

        Raises:
            UsageError: If there are several cells.
        """
        if len(self.cells) != 1:
            names = ", ".join(cell_text(cell) for cell in self.cells)
            raise UsageError(
                f"k50: each cell has its own; choose one, as "
                f'result["{cell_text(self.cells[0])}"].k50, of {names}; or see '
                "result.depths"
            )
        fit = self.cells[0].fit
        return fit.k50 if fit else Estimate(None, None, None)

    @cached_property
    def depths(self) -> "pd.DataFrame":
        """One row per cell, the columns of `depths.csv`."""
        return depths_table(self.found).frame

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """One row per trial, the columns of `trials.csv`."""
        return trials_table(self.found).frame

    @cached_property
    def epochs(self) -> "pd.DataFrame":
        """One row per epoch and head, the columns of `epochs.csv`."""
        return epochs_table(self.found).frame

    def plot(self, name: str = "success") -> "Figure":
        """A figure of the report: success, depths, errors, curves, criteria, ...

        Raises:
            UsageError: If there is no figure of that name.
        """
        from depthbench.report.figures import FIGURES, OTHER_FIGURES, PICTURES

        figures = FIGURES | PICTURES | OTHER_FIGURES
        if name not in figures:
            raise UsageError(f"figure = {name}: one of {', '.join(figures)}")
        return figures[name](self.found)

    def __repr__(self) -> str:
        lines = [
            f"{cell.cell.architecture} ({', '.join(cell.cell.key[1:])}) "
            f"{answer_sentence(cell)}"
            for cell in self.cells
        ]
        return "\n".join([*lines, f"report: {self.folder / 'report.html'}"])

    def _repr_html_(self) -> str:
        from depthbench.report.figures import render

        # An image, as the ids within two drawings on one page would collide.
        svg = base64.b64encode(render(self.plot(), "svg")).decode()
        return f'{self._html_table()}<img src="data:image/svg+xml;base64,{svg}">'

    def _html_table(self) -> str:
        table = depths_table(self.found).display(brief=True)
        head = "".join(
            f'<th title="{escape(each.meaning)}">{escape(each.title)}</th>'
            for each in table.headings
        )
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(each.text)}</td>" for each in row) + "</tr>"
            for row in table.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def load(folder: str | Path) -> Result:
    """The result in a results folder, as far as its records go; nothing is written.

    Args:
        folder: "results/notebook"; or some of its cells, "results/notebook:elu_bn" or
            "results/notebook:elu_bn@standard@mnist", wildcards allowed.

    Raises:
        UsageError: If there is no such folder, no study in it, or no such cell.
        StoreError: If its records cannot be read.
    """
    place, rest = folder_of(str(folder))
    try:
        result = Result(place, read_result(place))
    except ValueError as error:
        raise UsageError(str(error)) from error
    return result[rest] if rest else result
