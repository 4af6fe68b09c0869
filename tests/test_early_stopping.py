"""The fit of stop rules: what it chooses and counts, and where it may be used."""

import math
import random
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

from depthbench.early_stopping import (
    CONFIDENCE,
    Fit,
    Tally,
    fit_from_json,
    fit_rules,
    packaged_fit,
    rules_for,
)
from depthbench.early_stopping.binomial import at_most, upper_bound
from depthbench.early_stopping.fit import (
    contradicts,
    halves,
    is_full,
    stopped_at,
    tally,
)
from depthbench.early_stopping.words import differences, help_words, tally_words
from depthbench.record import EpochRecord, Outcome, TracePoint, TrialRecord
from depthbench.spec import Criterion, StudySpec, TrialSpec
from depthbench.stop_rules import Chance, Learned

LN10 = math.log(10)
SPEC = TrialSpec(architecture="elu", depth=30, data="mnist", seed=0, lr=0.05)
NUM_STEPS = 705


def training(
    losses: list[float],
    norms: list[float],
    error: float,
    *,
    seed: int = 0,
    depth: int = 30,
    diverged_at: int | None = None,
) -> TrialRecord:
    """A full training with a point every 25 steps; the last value goes on."""
    num_points = 29 if diverged_at is None else diverged_at // 25
    losses = [*losses, *[losses[-1]] * num_points][:num_points]
    norms = [*norms, *[norms[-1]] * num_points][:num_points]
    trace = tuple(
        TracePoint(min(25 * number, NUM_STEPS), loss, norm)
        for number, (loss, norm) in enumerate(zip(losses, norms, strict=True), start=1)
    )
    epoch = EpochRecord(
        train_loss=(losses[-1],),
        train_error=(error,),
        test_loss=(losses[-1],),
        test_error=(error,),
        seconds=1.0,
    )
    return TrialRecord(
        spec=replace(SPEC, seed=seed, depth=depth),
        outcome=Outcome.TRAINED if error < 0.2 else Outcome.STUCK,
        epochs=() if diverged_at else (epoch,) * 3,
        first_nonfinite_step=diverged_at,
        num_steps=diverged_at or NUM_STEPS,
        num_classes=10,
        trace=trace,
    )


def stuck(**which: int) -> TrialRecord:
    return training([LN10], [0.3, 0.1], 0.9, **which)


def late(num_points: int, **which: int) -> TrialRecord:
    """At chance for a while, its gradient never small, then it learns."""
    return training([*[LN10] * num_points, 1.0, 0.5, 0.05, 0.04], [0.6], 0.03, **which)


def collapsing(**which: int) -> TrialRecord:
    return training([1.0, 0.1, *[0.09] * 8, LN10], [0.6], 0.9, **which)


def a_world(seed: int) -> list[TrialRecord]:
    """Who stays at chance has a gradient below 0.15; who leaves it late, above 0.5."""
    lot = random.Random(seed)
    records = []
    for number in range(24):
        which = {"seed": seed, "depth": 3 * (number + 1)}
        kind = number % 3
        if kind == 0:
            records.append(training([LN10], [lot.uniform(0.05, 0.09)], 0.9, **which))
        elif kind == 1:
            records.append(late(lot.randint(2, 10), **which))
        else:
            records.append(
                training(
                    [1.0, 0.2, lot.uniform(0.01, 0.02), 0.01], [0.6], 0.02, **which
                )
            )
    return records


@pytest.mark.parametrize(
    ("cases", "trials", "expected"),
    # One minus the twentieth part's n-th root; the others from tables of the method.
    [
        (0, 10, 1 - 0.05**0.1),
        (0, 59, 0.0495),
        (1, 10, 0.3942),
        (2, 20, 0.2826),
        (5, 5, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_bound_of_a_rate(cases: int, trials: int, expected: float) -> None:
    assert upper_bound(cases, trials, 0.95) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.4])
def test_the_bound_holds_as_often_as_it_says(rate: float) -> None:
    """Exactly: the chance of so few cases that the bound falls below the rate."""
    too_low = [k for k in range(31) if upper_bound(k, 30, 0.95) < rate]
    chance = at_most(max(too_low), 30, rate) if too_low else 0.0
    assert chance <= 0.05


def test_a_fit_finds_what_separates_trainings() -> None:
    records = [record for seed in range(4) for record in a_world(seed)]
    fit = fit_rules(records)
    chance, learned = fit.of_kind("chance"), fit.of_kind("learned")
    assert chance is not None and learned is not None
    assert isinstance(chance.rule, Chance)
    assert 0.09 <= chance.rule.gradient_norm <= 0.6
    assert chance.rule.step <= 150
    assert chance.measured_on.num_stopped == 16
    for one in (chance, learned):
        assert one.measured_on.num_wrong == one.chosen_on.num_wrong == 0
        assert one.measured_on.num_trials == one.chosen_on.num_trials == 48
    assert learned.measured_on.num_stopped == 32
    assert learned.measured_on.num_opposite == 16
    assert fit_from_json(fit.to_json()) == fit


def test_a_fit_keeps_a_distance_from_the_boldest_rule_without_an_error() -> None:
    """A rule is taken only if the next bolder one makes no error either."""
    records = [stuck(seed=seed, depth=d) for seed in (0, 1) for d in (30, 60)]
    nearly = late(10, seed=0)
    fit = fit_rules([*records, nearly])
    rule = fit.rules[0].rule
    assert isinstance(rule, Chance)
    bolder = replace(rule, step=rule.step - 25, gradient_norm=0.59)
    assert stopped_at(bolder, nearly) is None
    bolder = replace(rule, gradient_norm=0.61)
    assert stopped_at(bolder, nearly) is not None
    assert rule.gradient_norm < 0.5


def test_errors_are_counted_on_the_half_that_had_no_say() -> None:
    """Odd seeds hold a training that the even ones gave no warning of."""
    even = [stuck(seed=0, depth=d) for d in (30, 60)]
    deceptive = training([*[LN10] * 20, 0.05], [0.01], 0.03, seed=1)
    fit = fit_rules([*even, stuck(seed=1, depth=60), deceptive])
    (one,) = fit.rules
    assert (one.chosen_on.num_wrong, one.measured_on.num_wrong) == (0, 1)
    assert (one.measured_on.num_stopped, one.measured_on.num_opposite) == (2, 1)
    assert one.measured_on.highest_wrong_share == pytest.approx(0.9747, abs=1e-4)
    assert one.measured_on.highest_false_stop_rate == 1.0


def test_without_a_rule_that_is_right_there_is_none() -> None:
    deceptive = [
        training([*[LN10] * 27, 0.05], [0.001], 0.03, seed=seed) for seed in (0, 1)
    ]
    fit = fit_rules(deceptive)
    assert fit.rules == ()
    none = "none was found to be safe"
    assert help_words(fit) == f"chance: {none}; learned: {none}"
    with pytest.raises(ValueError, match="no such rule was found safe"):
        rules_for(ON, Criterion(), train_mode="every_epoch", has_one_head=True, fit=fit)


def test_work_is_counted_in_layers_times_steps() -> None:
    rule = Chance(step=250, tolerance=0.02, gradient_norm=0.2)
    found = tally(rule, [stuck(depth=30), stuck(depth=60), late(2, depth=90)])
    assert found.num_stopped == 2
    assert found.layer_steps == 180 * NUM_STEPS
    assert found.layer_steps_saved == 90 * (NUM_STEPS - 250)
    assert found.share_saved == pytest.approx(0.5 * (1 - 250 / NUM_STEPS))


def test_the_end_of_a_training_is_no_stop() -> None:
    """As in the training itself, where the last point is not asked."""
    for step, expected in ((700, 700), (701, None)):
        rule = Chance(step=step, tolerance=0.02, gradient_norm=0.2)
        assert stopped_at(rule, stuck()) == expected
    diverged = training([LN10], [0.1], 0.9, diverged_at=250)
    rule = Chance(step=250, tolerance=0.02, gradient_norm=0.2)
    assert stopped_at(rule, diverged) == 250


@pytest.mark.parametrize(
    ("record", "chance_is_wrong", "learned_is_wrong"),
    [
        (stuck(), False, True),
        (late(4), True, False),
        (training([1.0], [1.0], 0.5), True, True),
        # Below nine tenths of chance it has learned something.
        (training([1.0], [1.0], 0.80), True, True),
        (training([1.0], [1.0], 0.82), False, True),
        (training([LN10], [1.0], 0.9, diverged_at=100), False, True),
    ],
)
def test_what_a_rule_is_wrong_about(
    record: TrialRecord, chance_is_wrong: bool, learned_is_wrong: bool
) -> None:
    assert contradicts(CHANCE, record) is chance_is_wrong
    assert contradicts(LEARNED, record) is learned_is_wrong


def test_the_strictest_error_decides_what_is_wrong() -> None:
    record = late(4)
    mixed = replace(record.epochs[-1], train_error=(0.03,), test_error=(0.9,))
    record = replace(record, epochs=(*record.epochs[:2], mixed))
    assert contradicts(CHANCE, record)
    assert contradicts(LEARNED, record)


def test_only_full_trainings_with_a_trace_are_fitted_to() -> None:
    stopped = replace(stuck(), stopped_early=CHANCE.name)
    bare = replace(stuck(), trace=())
    broken = replace(stuck(), outcome=Outcome.CRASHED)
    diverged = replace(
        training([LN10], [0.1], 0.9, diverged_at=100), stopped_early="non-finite loss"
    )
    kept = [stuck(seed=3), diverged, stuck(seed=2)]
    assert not any(is_full(record) for record in (stopped, bare, broken))
    assert halves([stopped, bare, broken, *kept]) == (kept[1:], kept[:1])
    with pytest.raises(
        ValueError, match=r"2 full trainings .* even seeds and 0 of odd"
    ):
        fit_rules([*kept[1:], stopped])
    longer = replace(stuck(seed=1), spec=replace(SPEC, seed=1, epochs=4))
    with pytest.raises(ValueError, match="differ in epochs"):
        fit_rules([stuck(), longer])


CHANCE = Chance(step=250, tolerance=0.02, gradient_norm=0.2)
LEARNED = Learned(step=250, loss=0.1, threshold=0.2)
ON = StudySpec(arch=("elu",), early_stop="all")


@cache
def a_fit() -> Fit:
    return fit_rules([record for seed in range(2) for record in a_world(seed)])


def kinds(study: StudySpec, threshold: float = 0.2, **how: object) -> list[str]:
    settings = {"train_mode": "every_epoch", "has_one_head": True} | how
    names = rules_for(study, Criterion(threshold=threshold), fit=a_fit(), **settings)  # type: ignore[arg-type]
    return [name.partition("(")[0] for name in names]


def test_which_rules_a_cell_gets() -> None:
    assert kinds(replace(ON, early_stop="off")) == []
    assert kinds(replace(ON, early_stop="chance")) == ["chance"]
    assert kinds(ON) == ["chance", "learned"]
    # Where a network that has learned can be lost again, or a head hide the others.
    assert kinds(ON, train_mode="first_epoch") == ["chance"]
    assert kinds(ON, has_one_head=False) == ["chance"]
    # Where the rule's conclusion does not decide.
    assert kinds(ON, threshold=0.1) == ["chance"]
    assert kinds(ON, threshold=0.85) == ["learned"]
    with pytest.raises(ValueError, match="trainings of 3 epochs, this study has 4"):
        kinds(replace(ON, epochs=4))
    assert kinds(replace(ON, epochs=4, early_stop="off")) == []


def test_words_come_from_the_numbers() -> None:
    one = Tally(
        num_trials=40,
        num_stopped=20,
        num_wrong=1,
        num_opposite=25,
        layer_steps=1000,
        layer_steps_saved=123,
    )
    assert tally_words(one) == (
        "of 40 full trainings it would have stopped 20, 1 of them wrongly (at most "
        "21.6 % are, with 95% confidence; of those it can be wrong in, 1 of 25, at "
        "most 17.6 %), and saved 12.3 % of the work"
    )
    assert tally_words(replace(one, num_stopped=0)).endswith("its error is unknown")
    fit = a_fit()
    assert differences(fit, SPEC) == []
    other = replace(SPEC, data="stroke_digits", lr=0.1, batch_size=64)
    assert differences(fit, other) == [
        "data stroke_digits",
        "learning rate 0.1",
        "batch size 64",
    ]


def test_the_packaged_fit_is_the_committed_one() -> None:
    text = files("depthbench.early_stopping").joinpath("fitted.json").read_text()
    committed = Path(__file__).parents[1] / "results/early_stopping/fit.json"
    assert committed.read_text(encoding="utf-8") == text
    assert packaged_fit().to_json() == text
    assert CONFIDENCE == 0.95


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rules": [1], "settings": 2}'])
def test_what_is_no_fit_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        fit_from_json(text)
