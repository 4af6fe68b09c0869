"""What a protocol can say beyond plain SGD on whole data: fields that default to it.

`TrialSpec` and `StudySpec` have all of these under the same names. Left at its default,
a field changes neither a training nor the identity of its trial.
"""

import math
from typing import TYPE_CHECKING, Any

from depthbench.spec.cadence import cadence_of

if TYPE_CHECKING:
    from depthbench.spec.study import StudySpec

_DEFAULT_GAMMA, _DEFAULT_MOMENTUM = 0.1, 0.9

PROTOCOL_FIELDS = (
    "optimizer",
    "nesterov",
    "l2",
    "lr_milestones",
    "lr_gamma",
    "num_validation",
    "train_limit",
    "normalization",
    "max_train_seconds",
    "train_after",
    "test_every",
    "warmup",
)


def protocol_text(value: Any) -> str:
    """The value of a field as a user writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def check_protocol(study: "StudySpec") -> None:
    """Whether the fields make sense, each and together.

    Raises:
        ValueError: If they do not; says what was given and what is allowed.
    """
    _check_optimizer(study)
    _check_schedule(study)
    _check_images(study)
    limit = study.max_train_seconds
    if limit is not None and not 0 < limit < math.inf:
        raise ValueError(f"max_train_seconds = {limit:g}: a finite number above 0")


def _check_optimizer(study: "StudySpec") -> None:
    if not (math.isfinite(study.l2) and study.l2 >= 0):
        raise ValueError(f"l2 = {study.l2}: a finite number of at least 0")
    if study.optimizer != "sgd" and study.momentum != _DEFAULT_MOMENTUM:
        raise ValueError(
            f"momentum = {study.momentum:g}: without effect, {study.optimizer} has "
            "none; leave momentum out"
        )
    if study.nesterov and study.optimizer != "sgd":
        raise ValueError(
            f"nesterov = true: a correction of SGD's momentum; {study.optimizer} has "
            "none, leave nesterov out"
        )
    if study.nesterov and study.momentum == 0:
        raise ValueError("nesterov = true: needs a momentum above 0, as 0.9")


def _check_schedule(study: "StudySpec") -> None:
    if study.warmup < 0:
        raise ValueError(f"warmup = {study.warmup}: a whole number of at least 0 steps")
    milestones = study.lr_milestones
    if any(not 0 < each < study.epochs for each in milestones) or list(
        milestones
    ) != sorted(set(milestones)):
        given = ", ".join(str(each) for each in milestones)
        raise ValueError(
            f"lr_milestones = {given}: whole numbers of epochs, increasing, above 0 "
            f"and below epochs = {study.epochs}"
        )
    if not 0 < study.lr_gamma < math.inf:
        raise ValueError(f"lr_gamma = {study.lr_gamma}: a finite number above 0")
    if study.lr_gamma != _DEFAULT_GAMMA and not milestones:
        raise ValueError(
            f"lr_gamma = {study.lr_gamma:g}: without effect; add lr_milestones, as 6,8"
        )


def _check_images(study: "StudySpec") -> None:
    if study.num_validation < 0:
        raise ValueError(
            f"num_validation = {study.num_validation}: a whole number of at least 0"
        )
    if study.train_limit is not None and study.train_limit < 1:
        raise ValueError(
            f"train_limit = {study.train_limit}: a whole number of at least 1"
        )
    if study.criterion == "validation" and not study.num_validation:
        raise ValueError(
            "criterion = validation: needs images held out; add num_validation, as 1000"
        )
    cadence_of(study.test_every)
    if study.criterion == "train_after" and not study.train_after:
        raise ValueError(
            "criterion = train_after: needs the training images tested on; add "
            "train_after = true"
        )
