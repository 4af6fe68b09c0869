"""When a finished training counts as trained."""

from dataclasses import dataclass
from typing import Literal, get_args

ErrorSource = Literal[
    "either", "train", "train_after", "test", "test_batch_stats", "validation"
]
HeadPolicy = Literal["last", "mean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A line that the error of the last epoch must fall below.

    Attributes:
        threshold: Error as a fraction, above 0 and below 1.
        source: `train` reads the error over the last epoch's training batches,
            `test` that on the test set in evaluation mode, `either` the lower of the
            two, `validation` that on the training images held out, `train_after` that
            on all training images after the epoch, in evaluation mode, and
            `test_batch_stats` that on the test set with BatchNorm using each batch's
            own statistics, for what was measured without ever calling `eval()`.
        heads: For a network with several heads: the `last` one, on top of the whole
            trunk, or the `mean` of all. A shallow head would pass at any depth.
    """

    threshold: float = 0.20
    source: ErrorSource = "either"
    heads: HeadPolicy = "last"

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold < 1.0:
            raise ValueError(
                f"threshold = {self.threshold}: an error is a fraction above 0 and "
                "below 1; 0.2 means 20 %"
            )
        if self.source not in get_args(ErrorSource):
            raise ValueError(
                f"criterion = {self.source!r}: allowed are "
                f"{', '.join(get_args(ErrorSource))}"
            )
