"""The rules in use: their constants, where they come from, and what was measured."""

import functools
import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from depthbench.early_stopping.binomial import upper_bound
from depthbench.record import Outcome
from depthbench.spec import Criterion, StudySpec
from depthbench.spec.protocol import changed_fields, protocol_text
from depthbench.stop_rules import Chance, Learned, StopRule, rule_named
from depthbench.verdict import concluded

CONFIDENCE = 0.95

# What each value of `early_stop` switches on, in the order the rules are asked.
KINDS = {"off": (), "chance": (Chance.kind,), "all": (Chance.kind, Learned.kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What a rule would have done to some full trainings.

    Attributes:
        num_trials: Trainings.
        num_stopped: Those it would have ended early.
        num_wrong: Of these, those that ended otherwise than the rule concludes.
        num_opposite: Trainings of all that ended otherwise than the rule concludes,
            so that it could be wrong about them.
        layer_steps: Depth times steps of all trainings in full.
        layer_steps_saved: Of these, those it would have left out.
    """

    num_trials: int
    num_stopped: int
    num_wrong: int
    num_opposite: int
    layer_steps: int
    layer_steps_saved: int

    @property
    def highest_wrong_share(self) -> float:
        """Upper bound, at `CONFIDENCE`, of the share of stopped ones it is wrong in."""
        return upper_bound(self.num_wrong, self.num_stopped, CONFIDENCE)

    @property
    def highest_false_stop_rate(self) -> float:
        """Upper bound, at `CONFIDENCE`, of its rate among those it can be wrong in."""
        return upper_bound(self.num_wrong, self.num_opposite, CONFIDENCE)

    @property
    def share_saved(self) -> float:
        """Of the work, in layer-steps."""
        return self.layer_steps_saved / self.layer_steps if self.layer_steps else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRule:
    """A rule, and what it does to the trainings its constants were chosen on or not.

    Attributes:
        name: Of the rule.
        chosen_on: The trainings that the constants were chosen on.
        measured_on: The others; the error of the rule is read off these alone.
    """

    name: str
    chosen_on: Tally
    measured_on: Tally

    @property
    def rule(self) -> StopRule:
        """The rule itself."""
        return rule_named(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the trainings of a fit were made; a rule is known to hold for these only.

    Attributes:
        data: Data sets.
        architectures: Of all trainings, with the number of each.
        depths: Shallowest and deepest.
        lrs: Learning rates.
        train_modes: As in `TrialSpec`.
    """

    data: tuple[str, ...]
    architectures: tuple[tuple[str, int], ...]
    depths: tuple[int, int]
    lrs: tuple[float, ...]
    train_modes: tuple[str, ...]
    epochs: int
    batch_size: int
    momentum: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The outcome of one fit.

    Attributes:
        rules: At most one of each kind; a kind with no constants that save work
            without an error on the first half has none.
        settings: Of the trainings.
        trials_sha256: Of the sorted identities of the trainings.
    """

    rules: tuple[FittedRule, ...]
    settings: Settings
    trials_sha256: str

    def of_kind(self, kind: str) -> FittedRule | None:
        """The rule of a kind, if there is one."""
        return next((one for one in self.rules if one.rule.kind == kind), None)

    def to_json(self) -> str:
        """The fit as text, its bounds spelt out for readers."""
        rules = [
            {
                "name": one.name,
                "chosen_on": _tally_json(one.chosen_on),
                "measured_on": _tally_json(one.measured_on),
            }
            for one in self.rules
        ]
        body = {
            "confidence": CONFIDENCE,
            "rules": rules,
            "settings": asdict(self.settings),
            "trials_sha256": self.trials_sha256,
        }
        return json.dumps(body, indent=2) + "\n"


def fit_from_json(text: str) -> Fit:
    """The fit that `Fit.to_json` wrote.

    Raises:
        ValueError: If it is none.
    """
    try:
        body = json.loads(text)
        settings = body["settings"]
        pairs = settings.pop("architectures")
        return Fit(
            rules=tuple(_fitted(one) for one in body["rules"]),
            settings=Settings(
                architectures=tuple((name, number) for name, number in pairs),
                **{key: _tupled(value) for key, value in settings.items()},
            ),
            trials_sha256=body["trials_sha256"],
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no fit of stop rules: {error!r}") from error


@functools.cache
def packaged_fit() -> Fit:
    """The fit that this version of depthbench uses."""
    source = files("depthbench.early_stopping").joinpath("fitted.json")
    return fit_from_json(source.read_text(encoding="utf-8"))


def rules_for(
    study: StudySpec,
    criterion: Criterion,
    *,
    train_mode: str,
    has_one_head: bool,
    fit: Fit | None = None,
) -> tuple[str, ...]:
    """Names of the rules that may end trainings of a cell; none if the study is off.

    A rule that concludes nothing under the criterion is left out, and `learned` also
    where a network that has learned can still be lost: under the notebook's slip in
    train mode; or with several heads, of which the loss is the mean.

    Raises:
        ValueError: If the rules were fitted to trainings of another length, after
            which they say nothing about the end; if the study trains otherwise than
            by plain SGD on whole data, as they all did; or if none of the kind was
            fitted.
    """
    kinds = KINDS[study.early_stop]
    if not kinds:
        return ()
    known = fit or packaged_fit()
    if study.epochs != known.settings.epochs:
        raise ValueError(
            f"early_stop = {study.early_stop}: its rules were measured on trainings of "
            f"{known.settings.epochs} epochs, this study has {study.epochs}; use off"
        )
    others = changed_fields(study)
    if others:
        given = ", ".join(f"{n} = {protocol_text(v)}" for n, v in others.items())
        raise ValueError(
            f"early_stop = {study.early_stop}: its rules were measured on plain SGD on "
            f"whole data, this study has {given}; use off"
        )
    is_safe = train_mode == "every_epoch" and has_one_head
    fitted = [one for kind in kinds if (one := known.of_kind(kind))]
    if not fitted:
        raise ValueError(
            f"early_stop = {study.early_stop}: no such rule was found safe "
            "(depthbench stops show); use off"
        )
    return tuple(
        one.name
        for one in fitted
        if (is_safe or one.rule.kind != Learned.kind)
        and concluded(one.name, 10, criterion) is not Outcome.UNSETTLED
    )


def _tally_json(tally: Tally) -> dict[str, Any]:
    return asdict(tally) | {
        "highest_wrong_share": round(tally.highest_wrong_share, 4),
        "highest_false_stop_rate": round(tally.highest_false_stop_rate, 4),
        "share_saved": round(tally.share_saved, 4),
    }


def _fitted(body: dict[str, Any]) -> FittedRule:
    rule_named(body["name"])
    return FittedRule(
        name=body["name"],
        chosen_on=_tally(body["chosen_on"]),
        measured_on=_tally(body["measured_on"]),
    )


def _tally(body: dict[str, Any]) -> Tally:
    return Tally(**{key: body[key] for key in Tally.__slots__})


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
