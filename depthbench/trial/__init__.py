"""From a TrialSpec to a TrialRecord: the one place where the parts meet."""

from depthbench.trial.run import (
    TrialContext,
    graphed_steps,
    run_trial,
    set_up,
    time_layer_epoch,
)

__all__ = [
    "TrialContext",
    "graphed_steps",
    "run_trial",
    "set_up",
    "time_layer_epoch",
]
