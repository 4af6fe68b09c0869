"""How often a training is tested within an epoch, as a user writes it: "100it"."""

import re


def steps_between_tests(text: str) -> int:
    """The number of steps that a text names.

    Raises:
        ValueError: If it is no whole number above 0 with its unit.
    """
    found = re.fullmatch(r"([1-9]\d*)it", text.strip())
    if found is None:
        raise ValueError(
            f"test_every = {text}: a whole number of steps above 0 and the unit it, as "
            "in 100it; the end of every epoch is tested anyway"
        )
    return int(found[1])
