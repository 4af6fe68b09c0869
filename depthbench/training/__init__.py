"""Training one network once."""

from depthbench.training.loop import train
from depthbench.training.resident import ResidentData
from depthbench.training.result import Training
from depthbench.training.timing import seconds_per_epoch

__all__ = ["ResidentData", "Training", "seconds_per_epoch", "train"]
