"""What a study may say; the one place where a user's values are checked."""

import math
import re
from typing import TYPE_CHECKING, Any, get_args

from depthbench.spec import choices
from depthbench.spec.budget import parse_budget
from depthbench.spec.criterion import Criterion
from depthbench.spec.protocol import check_protocol
from depthbench.spec.rate import check_rates

if TYPE_CHECKING:
    from depthbench.spec.study import StudySpec

_CHOICES = {
    "protocol": choices.ProtocolName,
    "search": choices.SearchName,
    "device": choices.DeviceChoice,
    "kernels": choices.KernelsChoice,
    "optimizer": choices.OptimizerName,
    "normalization": choices.Normalization,
    "pictures": choices.Picture,
}


def check_study(study: "StudySpec") -> None:
    """Whether the fields make sense, each and together.

    Raises:
        ValueError: If they do not; says what was given and what is allowed.
    """
    _require(
        re.fullmatch(r"[\w][\w.+-]*|", study.name) is not None,
        "name",
        repr(study.name),
        "letters, digits, '_', '-', '+' and '.', not starting with '.'",
    )
    for what in ("arch", "data", "protocol"):
        _require(bool(getattr(study, what)), what, (), "name at least one")
    for what, words in _CHOICES.items():
        given = getattr(study, what)
        for word in given if isinstance(given, tuple) else (given,):
            allowed = ", ".join(get_args(words))
            _require(word in get_args(words), what, word, f"one of {allowed}")
    _whole(study, "epochs", 1)
    _whole(study, "batch", 1)
    _whole(study, "cap", 1)
    _whole(study, "first_seed", 0)
    _whole(study, "seeds", 1)
    _whole(study, "max_trials", 1)
    _whole(study, "ahead", 1)
    _check_search(study)
    _require(
        study.lr is None or (math.isfinite(study.lr) and study.lr > 0),
        "lr",
        study.lr,
        "a finite number above 0",
    )
    _require(0 <= study.momentum < 1, "momentum", study.momentum, "from 0 to below 1")
    _require(
        math.isfinite(study.weight_decay) and study.weight_decay >= 0,
        "weight_decay",
        study.weight_decay,
        "a finite number of at least 0",
    )
    Criterion(threshold=study.threshold, source=study.criterion)
    check_rates(study)
    check_protocol(study)


def _check_search(study: "StudySpec") -> None:
    _require(
        study.search != "bisect" or study.seeds % 2 == 1,
        "seeds",
        study.seeds,
        "an odd number, so that a majority exists; try 1, 3 or 5",
    )
    _require(
        0 < study.precision < 1,
        "precision",
        study.precision,
        "a fraction above 0 and below 1; 0.15 means to within 15 %",
    )
    if study.budget is not None:
        parse_budget(study.budget)
        _require(
            study.search == "posterior",
            "budget",
            study.budget,
            "only a posterior search has one; add search = posterior",
        )
    if study.depths is None:
        _require(
            study.search != "grid",
            "search",
            study.search,
            "needs the depths to train at; add depths, as in 3:60",
        )
        return
    low, high = study.depths
    _require(
        0 < low < high or (study.search == "grid" and 0 < low == high),
        "depths",
        f"{low}:{high}",
        "LOW:HIGH with 0 < LOW < HIGH; a grid may have one depth",
    )


def _require(holds: bool, what: str, given: Any, allowed: str) -> None:
    if not holds:
        shown = given if given != () else "nothing"
        raise ValueError(f"{what} = {shown}: {allowed}")


def _whole(study: "StudySpec", what: str, least: int) -> None:
    value = getattr(study, what)
    _require(value >= least, what, value, f"a whole number of at least {least}")
