"""What a search may use up, as a user writes it: "2h", "90s", "5000le"."""

import re
from dataclasses import dataclass
from typing import Literal

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount of training, measured or counted.

    Attributes:
        amount: Above 0.
        unit: `seconds` of measured training, summed over workers, or `layer_epochs`:
            depth times epochs, summed over trials.
    """

    amount: float
    unit: Literal["seconds", "layer_epochs"]


def parse_budget(text: str) -> Budget:
    """The budget that a text names.

    Raises:
        ValueError: If it is no number above 0 with a unit.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|le)", text.strip())
    if found is None or float(found[1]) == 0:
        raise ValueError(
            f"budget = {text}: a number above 0 and a unit, which is s, m, h or d of "
            "training or le (layer-epochs), as in 2h, 90s or 5000le"
        )
    amount, unit = float(found[1]), found[2]
    if unit == "le":
        return Budget(amount, "layer_epochs")
    return Budget(amount * _SECONDS[unit], "seconds")
