"""Two cells side by side: how much deeper one trains, and what differs between them."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from depthbench.curves import Estimate
from depthbench.curves.pairs import Pair, PairCounts
from depthbench.curves.ratio import SAME_TRIALS, RatioPosterior, compare_curves
from depthbench.record import Environment, Outcome, TrialRecord
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import CellResult, StudyResult
from depthbench.spec.study import SEARCH_FIELDS

Kind = Literal["data", "criterion", "training", "search", "environment"]


@dataclass(frozen=True, slots=True)
class Side:
    """A cell and the study it belongs to."""

    study: StudyResult
    cell: CellResult


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not the same on both sides, and its values as text."""

    kind: Kind
    field: str
    a: str
    b: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the trials of two cells say about their depths.

    The trials are all that are evidence, as in each side's report.

    Attributes:
        k50_a: The depth at which half of A's trainings succeed.
        k50_b: The same of B.
        posterior: Of k50_b / k50_a.
        pairs: Trials at the same depth with the same seed, derived alike.
        num_shared: Pairs that are one training: the same in every number.
        differences: In what was asked, and where it ran.
    """

    a: Side
    b: Side
    k50_a: Estimate
    k50_b: Estimate
    posterior: RatioPosterior
    pairs: PairCounts
    num_shared: int
    num_trials_a: int
    num_trials_b: int
    differences: tuple[Difference, ...]

    @property
    def ratio(self) -> Estimate:
        """k50_b / k50_a: its 5 %, 50 % and 95 % points, or a bound."""
        return self.posterior.ratio

    @property
    def is_same(self) -> bool:
        """Whether A and B are the same trainings, judged alike."""
        return self.num_shared == self.num_trials_a == self.num_trials_b

    def is_worse(self, tolerance: float = 0.0) -> bool:
        """Whether B is shallower by more than `tolerance`, credibly.

        The whole 90 % interval of the ratio lies below 1 - tolerance: if that were
        not so, the trials seen would have had a chance below 5 %, given the prior.
        """
        return self.ratio.high is not None and self.ratio.high < 1 - tolerance

    @property
    def is_better(self) -> bool:
        """Whether B is deeper, credibly: the 90 % interval lies above 1."""
        return self.ratio.low is not None and self.ratio.low > 1


def compare(a: Side, b: Side) -> Comparison | None:
    """The comparison of two cells; None if either has no trial that says anything."""
    fit_a, fit_b = a.cell.fit, b.cell.fit
    if fit_a is None or fit_b is None:
        return None
    pairs = _pairs(a.cell, b.cell)
    return Comparison(
        a=a,
        b=b,
        k50_a=fit_a.k50,
        k50_b=fit_b.k50,
        posterior=_ratio(a.cell, b.cell, pairs),
        pairs=PairCounts.of(pairs),
        num_shared=sum(pair.is_shared for pair in pairs),
        num_trials_a=len(a.cell.evidence),
        num_trials_b=len(b.cell.evidence),
        differences=tuple(differences(a, b)),
    )


def ratio_of(a: CellResult, b: CellResult) -> Estimate:
    """k50 of B over k50 of A, with its 90 % interval; both cells have a fit."""
    return _ratio(a, b, _pairs(a, b)).ratio


def differences(a: Side, b: Side) -> Iterator[Difference]:
    """All that is not the same: the data, what "trains" means, training, search, host.

    Depth and seed are no difference. Of the environments of several trials, every
    value counts.
    """
    templates = [asdict(side.cell.cell.template) for side in (a, b)]
    yield from _differing("data", templates, ["data"])
    yield from _differing("data", [_sha256(a), _sha256(b)])
    yield from _differing("criterion", [_criterion(side) for side in (a, b)])
    training = [k for k in templates[0] if k not in ("data", "depth", "seed")]
    yield from _differing("training", templates, training)
    search = [name for name in SEARCH_FIELDS if name not in ("threshold", "criterion")]
    yield from _differing(
        "search", [asdict(side.study.study) for side in (a, b)], search
    )
    yield from _differing("search", [{"grid": _grid(side)} for side in (a, b)])
    yield from _differing("environment", [_environment(side) for side in (a, b)])


def _pairs(a: CellResult, b: CellResult) -> list[Pair]:
    trials_a, trials_b = _trials(a), _trials(b)
    return [
        _pair(trials_a[key], trials_b[key])
        for key in sorted(trials_a.keys() & trials_b.keys())
    ]


def _ratio(a: CellResult, b: CellResult, pairs: list[Pair]) -> RatioPosterior:
    num_shared = sum(pair.is_shared for pair in pairs)
    if num_shared == len(a.evidence) == len(b.evidence):
        return SAME_TRIALS
    assert a.fit is not None and b.fit is not None
    posterior = compare_curves(a.fit.posterior, b.fit.posterior, pairs)
    return replace(posterior, ratio=posterior.ratio.rounded())


def _trials(cell: CellResult) -> dict[tuple[int, ...], JudgedTrial]:
    """The evidence by depth and by what its randomness came from."""
    return {(trial.depth, *trial.record.spec.entropy): trial for trial in cell.evidence}


def _pair(a: JudgedTrial, b: JudgedTrial) -> Pair:
    return Pair(
        a.depth,
        a.outcome is Outcome.TRAINED,
        b.outcome is Outcome.TRAINED,
        is_shared=a.outcome is b.outcome and _measured(a.record) == _measured(b.record),
    )


def _measured(record: TrialRecord) -> tuple[str, ...]:
    """All numbers of a training but its times, as text: NaN is equal to itself there.

    Two records of one spec that agree in them are one training, or the repetition of
    one on a machine that computes alike; either way it was no second throw of dice.
    """
    epochs = [replace(epoch, seconds=0.0) for epoch in record.epochs]
    return (record.id, str(record.first_nonfinite_step), repr(epochs))


def _differing(
    kind: Kind, sides: list[dict[str, Any]], names: Iterable[str] | None = None
) -> Iterator[Difference]:
    a, b = sides
    for name in names or a:
        if a[name] != b[name]:
            yield Difference(kind, name, _text(a[name]), _text(b[name]))


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(_text(item) for item in value) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def _criterion(side: Side) -> dict[str, Any]:
    """Without the question of heads for a network that has one."""
    criterion = asdict(side.cell.cell.criterion)
    epochs = [epoch for t in side.cell.evidence for epoch in t.record.epochs]
    if all(len(epoch.train_error) == 1 for epoch in epochs):
        criterion["heads"] = "last"
    return criterion


def _sha256(side: Side) -> dict[str, tuple[str, ...]]:
    found = {trial.record.data_sha256[:12] for trial in side.cell.evidence}
    return {"data_sha256": tuple(sorted(found - {""}))}


def _grid(side: Side) -> str:
    grid = side.cell.cell.grid
    return f"{grid.start}, {grid.start + grid.step}, ..."


def _environment(side: Side) -> dict[str, tuple[str, ...]]:
    """The values of each field over the trials."""
    found = [t.record.environment for t in side.cell.evidence if t.record.environment]
    return {
        field.name: tuple(sorted({_text(getattr(each, field.name)) for each in found}))
        for field in fields(Environment)
    }
