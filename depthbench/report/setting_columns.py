"""What was asked of a cell, as columns of the table of depths; in files alone."""

from depthbench.report.depth_table import DepthColumn
from depthbench.report.words import note_text

SETTING_COLUMNS = (
    DepthColumn(
        "initializer",
        "text",
        "in place of the architecture's own; empty: its own",
        lambda r: r.cell.cell.template.initializer,
    ),
    DepthColumn("device", "text", "cpu or cuda", lambda r: r.cell.cell.template.device),
    DepthColumn(
        "kernels",
        "text",
        "reference (plain PyTorch) or fused",
        lambda r: r.cell.cell.template.kernels,
    ),
    DepthColumn(
        "criterion",
        "text",
        "which error: either (the lower), train, test, validation",
        lambda r: r.cell.cell.criterion.source,
    ),
    DepthColumn(
        "heads",
        "text",
        "of several heads, the last or their mean",
        lambda r: r.cell.cell.criterion.heads,
    ),
    DepthColumn(
        "threshold",
        "number",
        "the error to stay below",
        lambda r: r.cell.cell.criterion.threshold,
    ),
    DepthColumn(
        "note",
        "text",
        "what is still to be trained, or could not be measured",
        lambda r: note_text(r.cell),
    ),
)
