"""Every column of the CSV files: its type, and what it means to a reader."""

from dataclasses import fields
from typing import Literal, NamedTuple

from depthbench.record import Environment

Kind = Literal["text", "whole", "number", "flag"]

# Nullable types, so that a gap does not turn a depth of 63 into 63.0.
DTYPES: dict[Kind, str] = {
    "text": "string",
    "whole": "Int64",
    "number": "float64",
    "flag": "boolean",
}


class Column(NamedTuple):
    """A column of a CSV file."""

    name: str
    kind: Kind
    meaning: str


CELL_COLUMNS = (
    Column("architecture", "text", "registered name"),
    Column("data", "text", "data set"),
    Column("protocol", "text", "standard or notebook"),
)

_TRIAL = (
    Column("depth", "whole", "k, what the architecture's depth axis counts"),
    Column("weight_layers", "whole", "convolution and linear layers to the last head"),
    Column("seed", "whole", "of the initial weights and of the data order"),
)

_ENVIRONMENT_KINDS: dict[str, Kind] = {"num_threads": "whole", "tf32": "flag"}

_ENVIRONMENT = tuple(
    Column(
        f"env_{field.name}",
        _ENVIRONMENT_KINDS.get(field.name, "text"),
        f"environment: {field.name.replace('_', ' ')}",
    )
    for field in fields(Environment)
)

TRIAL_COLUMNS = (
    *CELL_COLUMNS,
    *_TRIAL,
    Column("lr", "number", "learning rate"),
    Column("initializer", "text", "in place of the architecture's own; empty: its own"),
    Column("device", "text", "cpu or cuda"),
    Column("kernels", "text", "reference (plain PyTorch) or fused"),
    Column("outcome", "text", "how the trial ended, under this study's criterion"),
    Column("criterion_error", "number", "the error the outcome rests on"),
    Column("train_error", "number", "last epoch, training batches, last head"),
    Column("test_error", "number", "after the last epoch, test set, last head"),
    Column(
        "test_batch_stats_error",
        "number",
        "test_error with BatchNorm on each batch's own statistics; empty without BN",
    ),
    Column(
        "validation_error",
        "number",
        "after the last epoch, training images held out, last head; empty without any",
    ),
    Column("heads_mean_train_error", "number", "train_error, mean over heads"),
    Column("heads_mean_test_error", "number", "test_error, mean over heads"),
    Column(
        "heads_mean_test_batch_stats_error",
        "number",
        "test_batch_stats_error, mean over heads",
    ),
    Column(
        "heads_mean_validation_error", "number", "validation_error, mean over heads"
    ),
    Column(
        "first_nonfinite_step",
        "whole",
        "first update, from 0, at which a loss or weight was NaN or infinite",
    ),
    Column("num_steps", "whole", "updates made"),
    Column("num_epochs", "whole", "epochs measured; a time limit may cut the last"),
    Column("stopped_early", "text", "what ended it before its last step"),
    Column("num_parameters", "whole", "trainable parameters"),
    Column("seconds", "number", "wall time without loading the data"),
    Column("peak_memory_bytes", "whole", "of the process, or of the GPU allocator"),
    Column("trial", "text", "identity: hash of the trial's specification"),
    Column("data_sha256", "text", "of the decoded arrays"),
    Column("message", "text", "what went wrong in a failed measurement"),
    Column("finished_at", "text", "UTC"),
    *_ENVIRONMENT,
)

EPOCH_COLUMNS = (
    *CELL_COLUMNS,
    Column("depth", "whole", "k"),
    Column("seed", "whole", "of the initial weights and of the data order"),
    Column("trial", "text", "as in trials.csv"),
    Column("outcome", "text", "of the whole trial"),
    Column("epoch", "whole", "from 1; completed, or cut by a time limit"),
    Column("head", "whole", "from 1; the last is on top of the whole trunk"),
    Column("num_heads", "whole", "heads of the network"),
    Column("train_loss", "number", "nats, mean over the epoch as it was trained"),
    Column("train_error", "number", "the same, of the error"),
    Column("test_loss", "number", "nats, after the epoch, evaluation mode"),
    Column("test_error", "number", "the same, of the error"),
    Column("test_batch_stats_error", "number", "as in trials.csv"),
    Column("validation_loss", "number", "nats, after the epoch, images held out"),
    Column("validation_error", "number", "the same, of the error"),
    Column("seconds", "number", "of the epoch, the same in the rows of all its heads"),
)

DEPTH_COLUMNS = (
    *CELL_COLUMNS,
    Column("deepest", "text", "the answer: the deepest depth that trains"),
    Column("status", "text", "done, censored, stopped or unfinished"),
    Column("search", "text", "how depths were chosen: bisect, posterior or grid"),
    Column(
        "trains",
        "whole",
        "deepest depth seen to train, by majority of seeds; of a posterior search or a "
        "grid, the last before the cut that the fewest trials contradict",
    ),
    Column("fails", "whole", "the next depth, seen to fail in the same sense"),
    Column("is_censored", "flag", "no failure seen up to the cap, or none trained"),
    Column("weight_layers", "whole", "of the network at trains"),
    Column(
        "k50_low",
        "number",
        "lower end of the 90 % interval of k50, from all of num_runs; empty where they "
        "do not bound it",
    ),
    Column(
        "k50",
        "number",
        "depth where half of all trainings succeed",
    ),
    Column("k50_high", "number", "upper end of the interval"),
    Column(
        "ties_with",
        "text",
        "ARCH@PROTOCOL of the cells on this data set whose k50 may be the same: the "
        "90 % interval of the ratio holds 1",
    ),
    Column("k90_low", "number", "the same of k90; 0: no depth succeeds so often"),
    Column("k90", "number", "depth where nine trainings in ten succeed"),
    Column("k90_high", "number", "upper end of the interval"),
    Column(
        "slope",
        "number",
        "fall of the success probability from one layer to the next at k50; empty "
        "where k50 is",
    ),
    Column("lapse", "number", "share of trainings that fail at any depth"),
    Column(
        "monotonicity_p_value",
        "number",
        "small where trials contradict a success that only falls with depth",
    ),
    Column("layer_epochs", "whole", "depth times epochs begun, over the cell's trials"),
    Column(
        "all_runs_train_to",
        "whole",
        "deepest depth at and below which every single trial trained",
    ),
    Column(
        "no_run_trains_from",
        "whole",
        "shallowest depth at and above which no single trial trained",
    ),
    Column("num_runs", "whole", "trials that are evidence"),
    Column("num_no_evidence", "whole", "trials that could not be measured"),
    Column("seeds", "text", "seeds used, not all of them at every depth"),
    Column("failure_causes", "text", "outcomes at fails, with their counts"),
    Column(
        "test_error",
        "number",
        "at trains, median over seeds; of the heads that the criterion reads",
    ),
    Column("notebook_trains", "whole", "the reference notebook's own answer"),
    Column("notebook_fails", "whole", "the next depth it tried, which failed"),
    Column("lr", "number", "learning rate; empty if it differs between depths"),
    Column("rate", "text", "the same in words, in a study of several learning rates"),
    Column("initializer", "text", "in place of the architecture's own; empty: its own"),
    Column("device", "text", "cpu or cuda"),
    Column("kernels", "text", "reference (plain PyTorch) or fused"),
    Column(
        "criterion", "text", "which error: either (the lower), train, test, validation"
    ),
    Column("heads", "text", "of several heads, the last or their mean"),
    Column("threshold", "number", "the error to stay below"),
    Column("note", "text", "what is still to be trained, or could not be measured"),
    Column("seconds", "number", "wall time of the cell's trials"),
)


def depth_columns(*, has_rates: bool) -> tuple[Column, ...]:
    """Of depths.csv; the rate only in a study of several."""
    return tuple(c for c in DEPTH_COLUMNS if has_rates or c.name != "rate")
