"""How often a training is tested, as a user writes it: "2ep" or "100it"."""

import re
from typing import NamedTuple


class Cadence(NamedTuple):
    """When a training is tested; after its last epoch it always is.

    Attributes:
        num_epochs: After every so many epochs.
        num_steps: Within epochs, too, every so many steps; None for not at all.
    """

    num_epochs: int = 1
    num_steps: int | None = None

    def is_after_epoch(self, number: int, num_epochs: int) -> bool:
        """Whether a training of `num_epochs` is tested after epoch `number`, from 1."""
        return number % self.num_epochs == 0 or number == num_epochs


def cadence_of(test_every: str | None) -> Cadence:
    """The cadence that a text names; None is after each epoch.

    Raises:
        ValueError: If it is no whole number above 0 with a unit.
    """
    if test_every is None:
        return Cadence()
    found = re.fullmatch(r"([1-9]\d*)(it|ep)", test_every.strip())
    if found is None:
        raise ValueError(
            f"test_every = {test_every}: a whole number above 0 and its unit, as 2ep, "
            "after every second epoch, or 100it, every 100 steps and after each epoch"
        )
    number = int(found[1])
    return Cadence(number) if found[2] == "ep" else Cadence(num_steps=number)
