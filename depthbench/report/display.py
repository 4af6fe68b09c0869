"""The table of depths as people read it, for the page and for Markdown."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.report.ties import Key, Ties, ties
from depthbench.report.words import (
    causes_text,
    deepest_text,
    duration,
    estimate_text,
    percent,
)

NOTHING = "—"  # where a number does not exist


class Field(NamedTuple):
    """A table cell: its text, and the number that sorts it."""

    text: str
    sort: float | None = None


class Heading(NamedTuple):
    """A table column: heading, explanation, and how to read it off a result.

    Attributes:
        is_brief: Whether it belongs into the short table of a README, too.
    """

    title: str
    meaning: str
    field_of: Callable[[CellResult], Field]
    is_brief: bool = False


class DisplayTable(NamedTuple):
    """Headings and rows of equal length."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[Field, ...], ...]

    @property
    def is_number(self) -> tuple[bool, ...]:
        """For each column, whether it has a number, or the place of one, in any row."""
        return tuple(
            any(
                row[place].sort is not None or row[place].text == NOTHING
                for row in self.rows
            )
            for place in range(len(self.headings))
        )


def depths_display(result: StudyResult, *, brief: bool = False) -> DisplayTable:
    """One row a cell; columns that say the same in every row are left out."""
    tied = ties(result.cells)
    headings = [
        heading
        for heading in (*_HEADINGS[:_AFTER_K50], _ties(tied), *_HEADINGS[_AFTER_K50:])
        if (heading.is_brief or not brief) and _is_telling(heading, result)
    ]
    rows = (
        tuple(heading.field_of(cell) for heading in headings) for cell in result.cells
    )
    return DisplayTable(tuple(headings), tuple(rows))


def _ties(found: Mapping[Key, Ties]) -> Heading:
    def field_of(cell: CellResult) -> Field:
        mine = found.get(cell.cell.key)
        return Field(mine.letters if mine and mine.letters else NOTHING)

    return Heading(
        "ties",
        "rows of one data set that share a letter cannot be told apart: the 90 % "
        "interval of the ratio of their k50s holds 1",
        field_of,
        is_brief=True,
    )


def _is_telling(heading: Heading, result: StudyResult) -> bool:
    texts = {heading.field_of(cell).text for cell in result.cells}
    if heading.title in ("data", "protocol"):
        return len(texts) > 1
    return heading.title not in (
        "rate",
        "notebook",
        "not measured",
        "ties",
    ) or texts not in (
        {NOTHING},
        {"0"},
    )


def _deepest(cell: CellResult) -> Field:
    if cell.trains is None:
        return Field(deepest_text(cell), -1 if cell.fails is None else 0)
    return Field(
        deepest_text(cell), cell.trains + 0.5 * (cell.status is not Status.DONE)
    )


def _whole(number: int | None) -> Field:
    return Field(NOTHING if number is None else str(number), number)


def _not_measured(cell: CellResult) -> Field:
    return _whole(cell.num_not_measured)


def _unbroken(causes: str) -> str:
    """A line may end between two causes, not between a cause and its count."""
    return causes.replace(" ", "\u00a0").replace(",\u00a0", ", ")


def _k50(cell: CellResult) -> Field:
    text = estimate_text(cell.fit.k50) if cell.fit else ""
    if cell.fit is None or not text:
        return Field(NOTHING)
    k50 = cell.fit.k50
    depths = (k50.median, k50.low, k50.high)
    return Field(text, next(depth for depth in depths if depth is not None))


def _p_value(cell: CellResult) -> Field:
    p = cell.fit.monotonicity_p_value if cell.fit else None
    return Field(NOTHING) if p is None else Field(f"{p:.2g}", p)


def _notebook(cell: CellResult) -> Field:
    if cell.cell.reference is None:
        return Field(NOTHING)
    trains, fails = cell.cell.reference
    return Field(f"{trains} / {fails}", trains)


def _lr(cell: CellResult) -> Field:
    if not cell.cell.rate.is_fixed:
        return Field(NOTHING)
    return Field(f"{cell.cell.template.lr:g}", cell.cell.template.lr)


_HEADINGS = (
    Heading(
        "architecture",
        "registered name",
        lambda cell: Field(cell.cell.architecture),
        is_brief=True,
    ),
    Heading(
        "rate",
        "the learning rate: one at all depths, one scaled with depth, or searched for "
        "at each",
        lambda cell: Field(cell.cell.rate.name or NOTHING),
        is_brief=True,
    ),
    Heading("data", "data set", lambda cell: Field(cell.cell.data), is_brief=True),
    Heading(
        "protocol",
        "how it was trained",
        lambda cell: Field(cell.cell.protocol),
        is_brief=True,
    ),
    Heading("deepest k", "deepest depth that trains", _deepest, is_brief=True),
    Heading(
        "fails at",
        "shallowest depth seen to fail",
        lambda cell: _whole(cell.fails),
        is_brief=True,
    ),
    Heading(
        "k50",
        "depth where half of all trainings succeed, with its 90 % interval; from the "
        "same trials",
        _k50,
        is_brief=True,
    ),
    Heading(
        "notebook",
        "the reference notebook's own answer, one training a depth: trains / fails",
        _notebook,
        is_brief=True,
    ),
    Heading(
        "weight layers",
        "convolution and linear layers of the deepest network that trains",
        lambda cell: _whole(cell.weight_layers),
        is_brief=True,
    ),
    Heading(
        "all train to",
        "deepest depth at and below which every single trial trained",
        lambda cell: _whole(cell.all_runs_train_to),
        is_brief=True,
    ),
    Heading(
        "none trains from",
        "shallowest depth at and above which no single trial trained",
        lambda cell: _whole(cell.no_run_trains_from),
        is_brief=True,
    ),
    Heading(
        "test error",
        "at the deepest depth that trains, median over seeds",
        lambda cell: Field(percent(cell.test_error), cell.test_error),
        is_brief=True,
    ),
    Heading(
        "cause of failure",
        "outcomes at the depth that fails, with their counts",
        lambda cell: Field(_unbroken(causes_text(cell))),
        is_brief=True,
    ),
    Heading(
        "trials",
        "trainings that are evidence",
        lambda cell: _whole(len(cell.evidence)),
        is_brief=True,
    ),
    Heading("not measured", "trainings that could not be measured", _not_measured),
    Heading(
        "p if falling",
        "how often trials of a success that only falls with depth would look as much "
        "as if it rose somewhere",
        _p_value,
    ),
    Heading(
        "lr",
        "learning rate at the start of a training",
        _lr,
    ),
    Heading(
        "time",
        "wall time of all trainings of the row",
        lambda cell: Field(duration(cell.seconds), cell.seconds),
    ),
)

_AFTER_K50 = 1 + [heading.title for heading in _HEADINGS].index("k50")
