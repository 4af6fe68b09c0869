"""Causes of failure: the sentence, the figures in it, and its false alarms."""

from dataclasses import replace

from fixtures.report.synthetic import cell

from depthbench.record import EpochRecord, Outcome, Profile, TracePoint, TrialRecord
from depthbench.report.causes import cause_sentences
from depthbench.report.collect import study_result
from depthbench.spec import StudySpec

STUDY = StudySpec(name="made_up", arch=("net",), search="grid", depths=(3, 9))
NET = cell("net", study=STUDY)


def record(depth, seed, error, *, first=1.0, **values):
    """A training of a network whose gradient at the first layer was `first`."""
    profile = Profile(
        num_layers=(1, depth),
        deviation=(1.0, 1.0),
        gradient=(first, 1.0),
        correlation=(0.5, 0.5),
    )
    epoch = EpochRecord(
        train_loss=(2.0,),
        train_error=(error,),
        test_loss=(2.0,),
        test_error=(error,),
        seconds=1.0,
    )
    made = TrialRecord(
        spec=NET.trial(depth, seed),
        outcome=Outcome.TRAINED,
        epochs=(epoch,) * NET.template.epochs,
        num_classes=10,
        profile_start=profile,
    )
    return replace(made, **values)


def sentences(*records):
    return cause_sentences(study_result(STUDY, [NET], records))


def test_a_gradient_that_is_faint_at_the_start_is_named_with_its_false_alarms():
    (text,) = sentences(
        record(3, 0, 0.05),
        record(6, 0, 0.05, first=2e-4),
        record(9, 0, 0.9, first=3e-5),
        record(9, 1, 0.9, first=0.5),
    )
    assert text == (
        "net, k=9: the gradient at layer 1 is 3e-05 times that at layer 9 before the "
        "first step: it vanishes (1 of 2 trainings that failed began so, and 1 of 2 "
        "that succeeded)."
    )
    (text,) = sentences(record(9, 0, 0.9, first=5e4))
    assert "5e+04 times" in text and "it explodes" in text


def test_what_no_failure_shows_is_not_said():
    assert sentences(record(3, 0, 0.05, first=1e-5), record(9, 0, 0.9)) == ()
    assert sentences(record(9, 0, 0.9, profile_start=None)) == ()


def test_a_loss_that_overflows_after_a_while_blames_the_rate():
    (text,) = sentences(
        record(
            9,
            0,
            0.9,
            outcome=Outcome.DIVERGED,
            first_nonfinite_step=43,
            trace=(TracePoint(25, 3.21, 1.0),),
        )
    )
    assert "the loss was 3.21 up to step 25 and overflowed at step 43" in text
    assert "see --tune-lr (1 training of 1 that failed)" in text
    assert (
        sentences(record(9, 0, 0.9, outcome=Outcome.DIVERGED, first_nonfinite_step=1))
        == ()
    )


def test_running_statistics_are_blamed_where_those_of_the_batch_would_do():
    failed = record(9, 0, 0.9)
    last = replace(failed.epochs[-1], test_error_batch_stats=(0.05,))
    (text,) = sentences(replace(failed, epochs=(*failed.epochs[:-1], last)))
    assert "trains with batch statistics and fails with running ones" in text
