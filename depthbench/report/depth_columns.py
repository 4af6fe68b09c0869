"""The table of depths: one row per cell."""

from depthbench.report.cell_columns import (
    cell_columns,
    columns_of,
    rate_column,
    setting_columns,
)
from depthbench.report.fit_columns import FIT_COLUMNS, FORECAST_COLUMNS
from depthbench.report.results import Status, StudyResult
from depthbench.report.table import NOTHING, Column, Field, Table
from depthbench.report.ties import DepthRow, depth_rows
from depthbench.report.words import causes_text, deepest_text, note_text


def _deepest(row: DepthRow) -> Field:
    cell = row.cell
    if cell.trains is None:
        return Field(deepest_text(cell), -1 if cell.fails is None else 0)
    is_open = cell.status is not Status.DONE
    return Field(deepest_text(cell), cell.trains + 0.5 * is_open)


def _notebook(row: DepthRow) -> Field:
    if row.cell.cell.reference is None:
        return Field(NOTHING)
    trains, fails = row.cell.cell.reference
    return Field(f"{trains} / {fails}", trains)


def _causes(row: DepthRow) -> Field:
    """A line may end between two causes, not between a cause and its count."""
    return Field(causes_text(row.cell).replace(" ", "\u00a0").replace(",\u00a0", ", "))


def _seeds(row: DepthRow) -> str:
    return " ".join(str(seed) for seed in sorted({t.seed for t in row.cell.trials}))


def _lr(row: DepthRow) -> float | None:
    cell = row.cell.cell
    return cell.template.lr if cell.rate.is_fixed else None


DEPTH_COLUMNS: tuple[Column[DepthRow], ...] = (
    *cell_columns("cell.cell"),
    rate_column("cell.cell"),
    Column(
        "deepest",
        "text",
        "the answer: the deepest depth that trains",
        lambda row: deepest_text(row.cell),
        "deepest k",
        _deepest,
    ),
    Column(
        "status",
        "text",
        "done, censored, stopped or unfinished",
        lambda row: str(row.cell.status),
    ),
    Column("search", "text", "how depths were chosen", "cell.cell.search.name"),
    Column(
        "trains",
        "k",
        "deepest depth seen to train, by majority of seeds; of a posterior search or a "
        "grid, the last before the cut that the fewest trials contradict",
        "cell.trains",
    ),
    Column(
        "fails",
        "k",
        "the next depth, seen to fail in the same sense",
        "cell.fails",
        "fails at",
    ),
    Column(
        "is_censored",
        "flag",
        "no failure seen up to the cap, or none trained",
        lambda row: row.cell.status is Status.CENSORED,
    ),
    Column(
        "weight_layers",
        "count",
        "convolution and linear layers of the deepest network that trains",
        "cell.weight_layers",
        "weight layers",
    ),
    *FIT_COLUMNS,
    *FORECAST_COLUMNS,
    Column(
        "layer_epochs",
        "count",
        "depth times epochs begun, over the cell's trials",
        "cell.layer_epochs",
    ),
    Column(
        "all_runs_train_to",
        "k",
        "deepest depth at and below which every single trial trained",
        "cell.all_runs_train_to",
        "all train to",
    ),
    Column(
        "no_run_trains_from",
        "k",
        "shallowest depth at and above which no single trial trained",
        "cell.no_run_trains_from",
        "none trains from",
    ),
    Column(
        "num_runs",
        "count",
        "trials that are evidence",
        lambda row: len(row.cell.evidence),
        "trials",
    ),
    Column(
        "num_no_evidence",
        "count",
        "trials that could not be measured",
        "cell.num_not_measured",
        "not measured",
        is_brief=False,
        left_out="empty",
    ),
    Column("seeds", "text", "seeds used, not all of them at every depth", _seeds),
    Column(
        "failure_causes",
        "text",
        "outcomes at the depth that fails, with their counts",
        lambda row: causes_text(row.cell),
        "cause of failure",
        _causes,
    ),
    Column(
        "test_error",
        "fraction",
        "at the deepest depth that trains, median over seeds; of the heads that the "
        "criterion reads",
        "cell.test_error",
        "test error",
    ),
    Column(
        "notebook_trains",
        "k",
        "the reference notebook's own answer, one training per depth",
        lambda row: (row.cell.cell.reference or (None, None))[0],
        "notebook",
        _notebook,
        left_out="empty",
    ),
    Column(
        "notebook_fails",
        "k",
        "the next depth it tried, which failed",
        lambda row: (row.cell.cell.reference or (None, None))[1],
    ),
    Column(
        "claim",
        "count",
        "how deep the literature says that it trains, as counted there, with other "
        "widths, data and criteria",
        "cell.cell.claim.depth",
        "claim",
        left_out="empty",
    ),
    Column(
        "claim_conditions",
        "text",
        "what else the claim is about",
        "cell.cell.claim.conditions",
        "claimed of",
        left_out="empty",
    ),
    Column(
        "source",
        "text",
        "where the architecture comes from",
        "cell.cell.source",
        "source",
        is_brief=False,
        left_out="empty",
    ),
    Column(
        "lr",
        "",
        "learning rate at the start of a training; empty if it differs between depths",
        _lr,
        "lr",
        is_brief=False,
    ),
    *setting_columns("cell.cell.template"),
    Column(
        "criterion",
        "text",
        "which error: either (the lower), train, test, validation",
        "cell.cell.criterion.source",
    ),
    Column(
        "heads",
        "text",
        "of several heads, the last or their mean",
        "cell.cell.criterion.heads",
    ),
    Column(
        "threshold",
        "fraction",
        "the error to stay below",
        "cell.cell.criterion.threshold",
    ),
    Column(
        "note",
        "text",
        "what is still to be trained, or could not be measured",
        lambda row: note_text(row.cell),
    ),
    Column(
        "seconds",
        "seconds",
        "wall time of the cell's trials",
        "cell.seconds",
        "time",
        is_brief=False,
    ),
)


def depths_table(result: StudyResult) -> Table[DepthRow]:
    """One row for each cell, in the study's order."""
    return Table(columns_of(DEPTH_COLUMNS, result), depth_rows(result))
