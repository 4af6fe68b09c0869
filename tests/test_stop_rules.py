"""When a rule fires, on made-up traces; and what its end of a training says."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthbench.record import EpochRecord, Outcome, TracePoint, TrialRecord
from depthbench.spec import Criterion, TrialSpec
from depthbench.stop_rules import WINDOW, Chance, Learned, StopRule, rule_named
from depthbench.verdict import concluded, outcome_under

LN10 = math.log(10)
CHANCE = Chance(step=150, tolerance=0.02, gradient_norm=0.5)
LEARNED = Learned(step=150, loss=0.1, threshold=0.2)


def trace(losses: Sequence[float], norms: Sequence[float] = (0.1,)) -> list[TracePoint]:
    """A point every 25 steps; the last norm goes on to the end."""
    norms = [*norms, *[norms[-1]] * (len(losses) - len(norms))]
    return [
        TracePoint(25 * number, loss, norm)
        for number, (loss, norm) in enumerate(zip(losses, norms, strict=True), start=1)
    ]


def fires_at(rule: StopRule, points: list[TracePoint], num_classes: int = 10) -> int:
    """The first step; 0 if it never does."""
    ends = (
        points[end - 1].num_steps
        for end in range(1, len(points) + 1)
        if rule.fires(points[:end], num_classes)
    )
    return next(ends, 0)


@pytest.mark.parametrize(
    ("losses", "norms", "expected"),
    [
        ([LN10] * 20, [0.1], 150),
        ([LN10 - 0.019] * 20, [0.1], 150),
        ([LN10 + 0.019] * 20, [0.1], 150),
        # Once below chance, it has learned something, even if it is back again.
        ([LN10, LN10 - 0.021, *[LN10] * 18], [0.1], 0),
        # A blow-up above chance has learned nothing; the recent loss decides.
        ([LN10, 50.0, *[LN10] * 18], [0.1], 150),
        ([LN10, *[50.0] * 5, *[LN10] * 14], [0.1], 250),
        # A gradient may still lead out.
        ([LN10] * 20, [0.5], 0),
        ([LN10] * 20, [1.0] * 8 + [0.0], 275),
        ([math.nan] * 20, [0.1], 0),
        ([LN10] * 20, [math.nan], 0),
        ([LN10] * 20, [math.inf], 0),
    ],
)
def test_chance_needs_a_loss_that_never_fell_and_a_small_gradient(
    losses: list[float], norms: list[float], expected: int
) -> None:
    assert fires_at(CHANCE, trace(losses, norms)) == expected


def test_chance_depends_on_the_number_of_classes() -> None:
    points = trace([math.log(3)] * 10)
    assert fires_at(CHANCE, points, num_classes=3) == 150
    assert fires_at(CHANCE, points, num_classes=10) == 0


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([0.05] * 20, 200),
        ([2.3, 1.0, 0.5, 0.2, *[0.09] * 16], 200),
        ([2.3, 1.0, 0.5, 0.3, 0.2, 0.2, *[0.09] * 14], 250),
        # Not while it rises.
        ([*[0.01] * 4, *[0.02] * 16], 300),
        ([0.1] * 20, 0),
        ([*[0.05, 0.05, 0.05, 0.11] * 5], 0),
        ([math.nan] * 20, 0),
    ],
)
def test_learned_needs_a_low_loss_that_does_not_rise(
    losses: list[float], expected: int
) -> None:
    assert fires_at(LEARNED, trace(losses)) == expected


@pytest.mark.parametrize("rule", [CHANCE, LEARNED])
def test_no_rule_fires_before_its_step_or_without_a_window(rule: StopRule) -> None:
    level = LN10 if rule is CHANCE else 0.01
    points = trace([level] * 20)
    assert fires_at(rule, points) >= 150
    late = [TracePoint(10_000 + p.num_steps, p.loss, p.gradient_norm) for p in points]
    assert not rule.fires(late[: WINDOW - 1], 10)
    assert not rule.fires([], 10)


@pytest.mark.parametrize(("loss", "error"), [(0.05, 0.0722), (0.138, 0.2)])
def test_a_low_mean_loss_bounds_the_error(loss: float, error: float) -> None:
    """The worst case: every wrong answer costs ln 2, every right one nothing."""
    assert loss / math.log(2) <= error
    Learned(step=1, loss=loss, threshold=error)
    with pytest.raises(ValueError, match="at most threshold x ln 2"):
        Learned(step=1, loss=loss, threshold=0.99 * loss / math.log(2))


@given(
    st.builds(
        Chance,
        step=st.integers(1, 10**6),
        tolerance=st.floats(1e-6, 2),
        gradient_norm=st.floats(1e-9, 1e9),
    )
    | st.builds(
        Learned,
        step=st.integers(1, 10**6),
        loss=st.floats(1e-9, 0.1),
        threshold=st.floats(0.2, 0.9),
    )
)
def test_a_name_spells_out_its_rule(rule: StopRule) -> None:
    assert rule_named(rule.name) == rule
    assert rule_named(rule.name).name == rule.name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "chance",
        "chance()",
        "chance(step=250)",
        "chance(step=250, tolerance=0.02, gradient_norm=x)",
        "chance(step=250, tolerance=0.02, gradient_norm=0.5, more=1)",
        "other(step=250, tolerance=0.02, gradient_norm=0.5)",
        "learned(step=250, loss=0.5, threshold=0.2)",
    ],
)
def test_what_names_no_rule_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"unknown; of the form chance\(step=250"):
        rule_named(name)


@pytest.mark.parametrize(
    ("rule", "threshold", "num_classes", "expected"),
    [
        (CHANCE.name, 0.2, 10, Outcome.STUCK),
        (CHANCE.name, 0.81, 10, Outcome.STUCK),
        # Who stays at chance might pass so high a line.
        (CHANCE.name, 0.82, 10, Outcome.UNSETTLED),
        (CHANCE.name, 0.46, 2, Outcome.UNSETTLED),
        (LEARNED.name, 0.2, 10, Outcome.TRAINED),
        (LEARNED.name, 0.5, 10, Outcome.TRAINED),
        # It was settled that 20 % would be passed, not that 10 % would.
        (LEARNED.name, 0.19, 10, Outcome.UNSETTLED),
        ("of a later version", 0.2, 10, Outcome.UNSETTLED),
    ],
)
def test_a_stopped_trial_is_judged_only_where_its_rule_concludes(
    rule: str, threshold: float, num_classes: int, expected: Outcome
) -> None:
    epoch = EpochRecord(
        train_loss=(1.0,),
        train_error=(0.5,),
        test_loss=(1.0,),
        test_error=(0.5,),
        seconds=1.0,
    )
    record = TrialRecord(
        spec=TrialSpec(architecture="elu", depth=3, data="mnist", seed=0, lr=0.05),
        outcome=Outcome.STUCK,
        epochs=(epoch,),
        num_classes=num_classes,
        stopped_early=rule,
        at_stop=epoch,
    )
    for source in ("either", "train", "test"):
        criterion = Criterion(threshold=threshold, source=source)  # type: ignore[arg-type]
        assert concluded(rule, num_classes, criterion) is expected
        assert outcome_under(record, criterion) is expected
    assert outcome_under(record, Criterion(threshold=threshold)).is_evidence is (
        expected is not Outcome.UNSETTLED
    )
