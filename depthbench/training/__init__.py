"""Training one network once."""

from depthbench.training.loop import Training, train
from depthbench.training.resident import ResidentData
from depthbench.training.timing import seconds_per_epoch

__all__ = ["ResidentData", "Training", "seconds_per_epoch", "train"]
