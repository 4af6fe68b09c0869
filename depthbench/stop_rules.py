"""Rules that end a training when its outcome is settled; pure, from its trace alone.

A rule is frozen data, and its name spells out every constant: who reads the name in a
record or a spec can rebuild the rule, whatever constants are in use by then. How often
a rule is wrong is not known here; `depthbench.early_stopping` measures that.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from depthbench.record import TracePoint

# Points of a trace that a rule judges the present by.
WINDOW = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """Never left chance, and hardly a gradient is left to leave it by.

    Some networks leave it all the same, late: of 162 trainings on MNIST that had a
    trace, `chance(step=350, tolerance=0.05, gradient_norm=0.2)` would have ended 24,
    four of them wrongly, all `elu` of 78 to 96 layers at a learning rate of 0.005 or
    less. A fit to these finds no constants that are safe.

    Attributes:
        step: Steps that must be done.
        tolerance: Nats. No mean loss so far may be lower than ln(classes) by more, and
            the mean of the last `WINDOW` may not be farther from it on either side.
        gradient_norm: The mean norm over the last `WINDOW` points must be below it.
    """

    kind: ClassVar[str] = "chance"
    step: int
    tolerance: float
    gradient_norm: float

    @property
    def name(self) -> str:
        """The kind and every constant; `rule_named` reads it back."""
        return _name(self)

    def fires(self, trace: Sequence[TracePoint], num_classes: int) -> bool:
        """Whether a training with this trace so far is to be ended now."""
        if len(trace) < WINDOW or trace[-1].num_steps < self.step:
            return False
        chance, recent = math.log(num_classes), trace[-WINDOW:]
        return (
            all(point.loss >= chance - self.tolerance for point in trace)
            and _mean(point.loss for point in recent) <= chance + self.tolerance
            and _mean(point.gradient_norm for point in recent) < self.gradient_norm
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The loss is far below what the threshold needs, and not rising.

    An image that is answered wrongly has a probability of at most 1/2 for its label,
    so it costs at least ln 2: a mean loss bounds the error by loss / ln 2.

    Attributes:
        step: Steps that must be done.
        loss: Nats; the mean loss of each of the last `WINDOW` points must be below it.
        threshold: Error as a fraction that the training is taken to end below.

    Raises:
        ValueError: If a mean loss of `loss` would not bound the error by `threshold`.
    """

    kind: ClassVar[str] = "learned"
    step: int
    loss: float
    threshold: float

    def __post_init__(self) -> None:
        highest = self.threshold * math.log(2)
        if not 0 < self.loss <= highest:
            raise ValueError(
                f"loss = {self.loss}: above 0 and at most threshold x ln 2, which is "
                f"{highest:.4f}"
            )

    @property
    def name(self) -> str:
        """The kind and every constant; `rule_named` reads it back."""
        return _name(self)

    def fires(self, trace: Sequence[TracePoint], num_classes: int) -> bool:
        """Whether a training with this trace so far is to be ended now."""
        del num_classes
        if len(trace) < 2 * WINDOW or trace[-1].num_steps < self.step:
            return False
        recent, before = trace[-WINDOW:], trace[-2 * WINDOW : -WINDOW]
        return all(point.loss < self.loss for point in recent) and (
            _mean(point.loss for point in recent)
            <= _mean(point.loss for point in before)
        )


StopRule = Chance | Learned

_KINDS: dict[str, Callable[..., StopRule]] = {
    Chance.kind: Chance,
    Learned.kind: Learned,
}


def rule_named(name: str) -> StopRule:
    """The rule that has this name.

    Raises:
        ValueError: If none has, as one that another version of depthbench knew.
    """
    match = re.fullmatch(r"(\w+)\((.*)\)", name)
    try:
        kind, constants = match.groups() if match else ("", "")
        pairs = (pair.split("=") for pair in constants.split(", "))
        values = {key: float(value) for key, value in pairs}
        rule = _KINDS[kind](**values | {"step": int(values["step"])})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"stop rule {name!r}: unknown; of the form chance(step=250, ...) or "
            "learned(step=250, ...)"
        ) from error
    return rule


def _mean(values: Iterable[float]) -> float:
    kept = tuple(values)
    return math.fsum(kept) / len(kept)


def _name(rule: StopRule) -> str:
    constants = ", ".join(f"{key}={value!r}" for key, value in asdict(rule).items())
    return f"{rule.kind}({constants})"
