"""From a TrialSpec to a TrialRecord: the one place where the parts meet."""

from depthbench.trial.run import (
    TrialContext,
    architecture_of,
    data_of,
    graphed_steps,
    look_at,
    run_trial,
    set_up,
    time_layer_epoch,
    untrained,
)

__all__ = [
    "TrialContext",
    "architecture_of",
    "data_of",
    "graphed_steps",
    "look_at",
    "run_trial",
    "set_up",
    "time_layer_epoch",
    "untrained",
]
