"""The table of depths: what each number is called, means, is read off, and looks like.

`depths.csv`, the page, Markdown, notebooks and the data dictionary are made of this one
list.
"""

from depthbench.report.depth_table import NOTHING, DepthColumn, Field, Row
from depthbench.report.fit_columns import FIT_COLUMNS
from depthbench.report.results import Status
from depthbench.report.setting_columns import SETTING_COLUMNS
from depthbench.report.words import causes_text, deepest_text
from depthbench.text import duration, percent


def _deepest(row: Row) -> Field:
    cell = row.cell
    if cell.trains is None:
        return Field(deepest_text(cell), -1 if cell.fails is None else 0)
    is_open = cell.status is not Status.DONE
    return Field(deepest_text(cell), cell.trains + 0.5 * is_open)


def _notebook(row: Row) -> Field:
    if row.cell.cell.reference is None:
        return Field(NOTHING)
    trains, fails = row.cell.cell.reference
    return Field(f"{trains} / {fails}", trains)


def _causes(row: Row) -> Field:
    """A line may end between two causes, not between a cause and its count."""
    return Field(causes_text(row.cell).replace(" ", "\u00a0").replace(",\u00a0", ", "))


def _test_error(row: Row) -> Field:
    return Field(percent(row.cell.test_error), row.cell.test_error)


def _seeds(row: Row) -> str:
    return " ".join(str(seed) for seed in sorted({t.seed for t in row.cell.trials}))


def _lr(row: Row) -> float | None:
    cell = row.cell.cell
    return cell.template.lr if cell.rate.is_fixed else None


COLUMNS = (
    DepthColumn(
        "architecture",
        "text",
        "registered name",
        lambda r: r.cell.cell.architecture,
        "architecture",
    ),
    DepthColumn("data", "text", "data set", lambda r: r.cell.cell.data, "data"),
    DepthColumn(
        "protocol",
        "text",
        "how it was trained: standard or notebook",
        lambda r: r.cell.cell.protocol,
        "protocol",
    ),
    DepthColumn(
        "rate",
        "text",
        "in a study of several learning rates: one at all depths, one scaled with "
        "depth, or searched for at each",
        lambda r: r.cell.cell.rate.name or None,
        "rate",
        is_optional=True,
    ),
    DepthColumn(
        "deepest",
        "text",
        "the answer: the deepest depth that trains",
        lambda r: deepest_text(r.cell),
        "deepest k",
        show=_deepest,
    ),
    DepthColumn(
        "status",
        "text",
        "done, censored, stopped or unfinished",
        lambda r: str(r.cell.status),
    ),
    DepthColumn(
        "search", "text", "how depths were chosen", lambda r: r.cell.cell.search.name
    ),
    DepthColumn(
        "trains",
        "whole",
        "deepest depth seen to train, by majority of seeds; of a posterior search or a "
        "grid, the last before the cut that the fewest trials contradict",
        lambda r: r.cell.trains,
    ),
    DepthColumn(
        "fails",
        "whole",
        "the next depth, seen to fail in the same sense",
        lambda r: r.cell.fails,
        "fails at",
    ),
    DepthColumn(
        "is_censored",
        "flag",
        "no failure seen up to the cap, or none trained",
        lambda r: r.cell.status is Status.CENSORED,
    ),
    DepthColumn(
        "weight_layers",
        "whole",
        "convolution and linear layers of the deepest network that trains",
        lambda r: r.cell.weight_layers,
        "weight layers",
    ),
    *FIT_COLUMNS,
    DepthColumn(
        "layer_epochs",
        "whole",
        "depth times epochs begun, over the cell's trials",
        lambda r: r.cell.layer_epochs,
    ),
    DepthColumn(
        "all_runs_train_to",
        "whole",
        "deepest depth at and below which every single trial trained",
        lambda r: r.cell.all_runs_train_to,
        "all train to",
    ),
    DepthColumn(
        "no_run_trains_from",
        "whole",
        "shallowest depth at and above which no single trial trained",
        lambda r: r.cell.no_run_trains_from,
        "none trains from",
    ),
    DepthColumn(
        "num_runs",
        "whole",
        "trials that are evidence",
        lambda r: len(r.cell.evidence),
        "trials",
    ),
    DepthColumn(
        "num_no_evidence",
        "whole",
        "trials that could not be measured",
        lambda r: r.cell.num_not_measured,
        "not measured",
        is_brief=False,
        is_optional=True,
    ),
    DepthColumn("seeds", "text", "seeds used, not all of them at every depth", _seeds),
    DepthColumn(
        "failure_causes",
        "text",
        "outcomes at the depth that fails, with their counts",
        lambda r: causes_text(r.cell),
        "cause of failure",
        show=_causes,
    ),
    DepthColumn(
        "test_error",
        "number",
        "at the deepest depth that trains, median over seeds; of the heads that the "
        "criterion reads",
        lambda r: r.cell.test_error,
        "test error",
        show=_test_error,
    ),
    DepthColumn(
        "notebook_trains",
        "whole",
        "the reference notebook's own answer, one training a depth",
        lambda r: (r.cell.cell.reference or (None, None))[0],
        "notebook",
        show=_notebook,
        is_optional=True,
    ),
    DepthColumn(
        "notebook_fails",
        "whole",
        "the next depth it tried, which failed",
        lambda r: (r.cell.cell.reference or (None, None))[1],
    ),
    DepthColumn(
        "lr",
        "number",
        "learning rate at the start of a training; empty if it differs between depths",
        _lr,
        "lr",
        is_brief=False,
    ),
    *SETTING_COLUMNS,
    DepthColumn(
        "seconds",
        "number",
        "wall time of the cell's trials",
        lambda r: r.cell.seconds,
        "time",
        is_brief=False,
        show=lambda r: Field(duration(r.cell.seconds), r.cell.seconds),
    ),
)
