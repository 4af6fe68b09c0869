"""How one training ended."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from depthbench.record import Chance, EpochRecord, Outcome, TrialRecord
from depthbench.spec import Criterion, TrialSpec
from depthbench.verdict import (
    REFERENCE_CRITERION,
    chance_of,
    error_of,
    outcome_of,
    outcome_under,
)

LN10 = math.log(10)
BELOW = math.nextafter(0.2, 0.0)


def an_epoch(
    train: Sequence[float],
    test: Sequence[float] | None = None,
    loss: Sequence[float] = (1.0,),
) -> EpochRecord:
    test = train if test is None else test
    return EpochRecord(
        train_loss=tuple(loss),
        train_error=tuple(train),
        test_loss=tuple(loss),
        test_error=tuple(test),
        seconds=1.0,
    )


EVEN = Chance.even(10)


def outcome(
    errors: Sequence[float],
    losses: Sequence[float] | None = None,
    nonfinite: int | None = None,
    chance: Chance = EVEN,
) -> Outcome:
    losses = [1.0] * len(errors) if losses is None else losses
    pairs = zip(errors, losses, strict=True)
    return outcome_of(
        [an_epoch([error], loss=[loss]) for error, loss in pairs],
        first_nonfinite_step=nonfinite,
        chance=chance,
        criterion=REFERENCE_CRITERION,
    )


def test_the_reference_criterion_is_the_notebooks() -> None:
    assert Criterion(threshold=0.2, source="either", heads="last") == (
        REFERENCE_CRITERION
    )


@pytest.mark.parametrize(
    ("errors", "losses", "expected"),
    [
        ([BELOW], [LN10], Outcome.TRAINED),
        # An error at the threshold is not below it.
        ([0.2], [LN10], Outcome.STUCK),
        ([0.9, 0.9, 0.1], None, Outcome.TRAINED),
        # Trained is judged by the last epoch, before any look at a rise.
        ([0.01, 0.19], None, Outcome.TRAINED),
        ([0.01, 0.21], None, Outcome.COLLAPSED),
        ([0.5, 0.9], None, Outcome.COLLAPSED),
        # 0.81 is nine tenths of chance: not learned, or lost again.
        ([0.5, 0.9 * 0.9], None, Outcome.COLLAPSED),
        ([0.75, 0.9 * 0.9], None, Outcome.COLLAPSED),
        ([0.75, 0.80], None, Outcome.STUCK),
        ([0.9 * 0.9, 0.93], None, Outcome.STUCK),
        ([0.80, 0.93], None, Outcome.COLLAPSED),
        # A rise by exactly the allowed tenth is not a collapse.
        ([0.5, 0.6], None, Outcome.STUCK),
        ([0.5, 0.6001], None, Outcome.COLLAPSED),
        # The best epoch counts, wherever it is.
        ([0.3, 0.5, 0.41], None, Outcome.COLLAPSED),
        ([0.5, 0.3, 0.39], None, Outcome.STUCK),
        ([0.5, 0.9], [2.0, 1.0], Outcome.COLLAPSED),
        # Loss before the first epoch is chance, ln 10.
        ([0.5], [LN10 - 0.03], Outcome.SLOW),
        ([0.5], [LN10 - 0.01], Outcome.STUCK),
        ([0.5, 0.5], [0.0200, 0.0], Outcome.STUCK),
        ([0.5, 0.5], [0.0201, 0.0], Outcome.SLOW),
        ([0.5, 0.5, 0.5], [2.0, 1.0, 1.0], Outcome.STUCK),
        ([0.9, 0.9], [2.2, 2.3], Outcome.STUCK),
        ([0.8865] * 3, [2.31, 2.304, 2.303], Outcome.STUCK),
        ([0.9], [math.nan], Outcome.STUCK),
        # A blow-up that comes down again has learned nothing.
        ([0.9] * 3, [4618.0, 3129.0, 737.0], Outcome.STUCK),
        ([0.9] * 3, [4618.0, 2.4, LN10 - 0.01], Outcome.STUCK),
        ([0.9] * 3, [4618.0, 2.4, LN10 - 0.03], Outcome.SLOW),
    ],
)
def test_how_a_training_ended(
    errors: list[float], losses: list[float] | None, expected: Outcome
) -> None:
    assert outcome(errors, losses) is expected
    assert outcome(errors, losses, nonfinite=0) is Outcome.DIVERGED


def test_a_training_that_diverged_in_its_first_epoch_has_none() -> None:
    assert outcome([], nonfinite=3) is Outcome.DIVERGED


def test_chance_depends_on_the_number_of_classes() -> None:
    assert outcome([0.44, 0.5], chance=Chance.even(2)) is Outcome.COLLAPSED
    assert outcome([0.46, 0.5], chance=Chance.even(2)) is Outcome.STUCK
    assert outcome([0.44], [math.log(2) - 0.03], chance=Chance.even(2)) is Outcome.SLOW
    assert outcome([0.44], [math.log(2) - 0.01], chance=Chance.even(2)) is Outcome.STUCK


@pytest.mark.parametrize(
    ("source", "heads", "expected"),
    [
        ("train", "last", 0.5),
        ("test", "last", 0.25),
        ("either", "last", 0.25),
        ("train", "mean", 0.3125),
        ("test", "mean", 0.5),
        ("either", "mean", 0.3125),
    ],
)
def test_which_error_a_criterion_reads(
    source: str, heads: str, expected: float
) -> None:
    epoch = an_epoch((0.125, 0.5), (0.75, 0.25))
    criterion = Criterion(source=source, heads=heads)  # type: ignore[arg-type]
    assert error_of(epoch, criterion) == expected


def test_a_criterion_of_images_held_out_reads_them_and_needs_them() -> None:
    epoch = replace(an_epoch((0.125, 0.5), (0.75, 0.25)), validation_error=(0.5, 0.75))
    last = Criterion(source="validation")
    assert error_of(epoch, last) == 0.75
    assert error_of(epoch, replace(last, heads="mean")) == 0.625
    with pytest.raises(ValueError, match="the trial held out no images"):
        error_of(replace(epoch, validation_error=None), last)


@pytest.mark.parametrize("source", ["test", "either", "test_batch_stats"])
def test_an_epoch_without_a_test_has_no_error(source: str) -> None:
    epoch = replace(an_epoch((0.1,), (0.2,)), test_loss=None, test_error=None)
    with pytest.raises(ValueError, match="not tested after this epoch"):
        error_of(epoch, Criterion(source=source))  # type: ignore[arg-type]


def test_a_training_is_judged_by_the_epochs_that_were_tested() -> None:
    """What it had learned by an epoch without a test, nobody knows."""
    learned, lost = an_epoch((0.5,), (0.5,)), an_epoch((0.9,), (0.9,))
    unseen = replace(learned, test_loss=None, test_error=None)
    for first, expected in ((learned, Outcome.COLLAPSED), (unseen, Outcome.STUCK)):
        found = outcome_of(
            [first, lost],
            first_nonfinite_step=None,
            chance=EVEN,
            criterion=REFERENCE_CRITERION,
        )
        assert found is expected


def test_losses_are_read_off_the_same_heads_as_errors() -> None:
    """The mean over heads still falls where the last head has stopped."""
    epochs = [
        an_epoch((0.6, 0.6), loss=(2.0, 1.0)),
        an_epoch((0.6, 0.6), loss=(1.0, 1.0)),
    ]
    for heads, expected in (("last", Outcome.STUCK), ("mean", Outcome.SLOW)):
        criterion = Criterion(heads=heads)  # type: ignore[arg-type]
        found = outcome_of(
            epochs, first_nonfinite_step=None, chance=EVEN, criterion=criterion
        )
        assert found is expected


def test_a_constant_answer_is_no_training() -> None:
    """With 95 % of one class it has 5 % error, and the loss of the shares, 0.2 nats."""
    shares = Chance(
        train_loss=0.199, train_error=0.05, test_error=0.1, validation_error=0.25
    )
    assert outcome([0.05], [0.2], chance=shares) is Outcome.STUCK
    assert outcome([0.05, 0.05], [0.3, 0.21], chance=shares) is Outcome.STUCK
    assert outcome([0.049], chance=shares) is Outcome.TRAINED
    assert outcome([0.044, 0.05], chance=shares) is Outcome.COLLAPSED
    for source, error in (
        ("train", 0.05),
        ("train_after", 0.05),
        ("either", 0.05),
        ("test", 0.1),
        ("test_batch_stats", 0.1),
        ("validation", 0.25),
    ):
        assert chance_of(shares, Criterion(source=source)) == error


@pytest.mark.parametrize("stored", Outcome)
def test_a_stored_trial_is_judged_anew_unless_it_was_not_measured(
    stored: Outcome,
) -> None:
    spec = TrialSpec(architecture="elu", depth=3, data="mnist", seed=0, lr=0.05)
    record = TrialRecord(
        spec=spec, outcome=stored, epochs=(an_epoch([0.3]),), num_classes=10
    )
    lenient = outcome_under(record, Criterion(threshold=0.4))
    assert lenient is (Outcome.TRAINED if stored.is_evidence else stored)
    strict = outcome_under(record, Criterion(threshold=0.1))
    assert strict is (Outcome.SLOW if stored.is_evidence else stored)
