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
