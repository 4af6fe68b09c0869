"""What a study may say; the one place where a user's values are checked."""

import math
import re
from typing import TYPE_CHECKING, Any, get_args

from depthbench.spec import choices
from depthbench.spec.criterion import Criterion
from depthbench.spec.protocol import check_protocol
from depthbench.spec.rate import check_rates

if TYPE_CHECKING:
    from depthbench.spec.study import StudySpec

_CHOICES = {
    "protocol": choices.ProtocolName,
    "device": choices.DeviceChoice,
    "kernels": choices.KernelsChoice,
    "optimizer": choices.OptimizerName,
    "normalization": choices.Normalization,
    "pictures": choices.Picture,
    "start": choices.Start,
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
    for what in ("arch", "data"):
        for text in getattr(study, what):
            _require(_is_utf8(text), what, ascii(text), "text in UTF-8; rename it")
    for what, words in _CHOICES.items():
        given = getattr(study, what)
        for word in given if isinstance(given, tuple) else (given,):
            allowed = ", ".join(get_args(words))
            _require(word in get_args(words), what, word, f"one of {allowed}")
    _whole(study, "epochs", 1)
    _whole(study, "batch", 1)
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
    study.search_spec  # noqa: B018 - it checks itself
    check_rates(study)
    check_protocol(study)


def _is_utf8(text: str) -> bool:
    """Whether it can be written to a file; a path of other bytes cannot."""
    return text.encode(errors="ignore").decode() == text


def _require(holds: bool, what: str, given: Any, allowed: str) -> None:
    if not holds:
        shown = given if given != () else "nothing"
        raise ValueError(f"{what} = {shown}: {allowed}")


def _whole(study: "StudySpec", what: str, least: int) -> None:
    value = getattr(study, what)
    _require(value >= least, what, value, f"a whole number of at least {least}")
