"""The words that a study may choose among."""

from typing import Literal

ProtocolName = Literal["standard", "notebook"]
DeviceChoice = Literal["auto", "cpu", "cuda"]
KernelsChoice = Literal["auto", "reference", "fused"]
OptimizerName = Literal["sgd", "adam", "rmsprop"]
Normalization = Literal["data", "half"]
Start = Literal["forecast", "bottom"]
Picture = Literal["filters", "histories"]
