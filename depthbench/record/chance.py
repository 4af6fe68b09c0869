"""What a network reaches that answers alike whatever it sees."""

import math
from typing import NamedTuple


class Chance(NamedTuple):
    """What the best constant answer reaches on the images of a trial.

    Attributes:
        train_loss: Cross entropy, in nats, of always giving the shares of the classes.
        train_error: Share of the training images that are not of the largest class.
        test_error: The same of the test images.
        validation_error: The same of those held out; None where there are none.
    """

    train_loss: float
    train_error: float
    test_error: float
    validation_error: float | None

    @classmethod
    def even(cls, num_classes: int) -> "Chance":
        """Of classes of one size."""
        error = 1 - 1 / num_classes
        return cls(math.log(num_classes), error, error, error)
