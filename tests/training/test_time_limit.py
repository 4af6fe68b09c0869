"""Trainings that end when their time is up, under a clock that the network moves."""

from dataclasses import replace

import pytest
import torch
from comparable import record_numbers
from torch import nn
from toy import TOY_SETS
from training_cases import RESIDENT, evaluate, numbers, run

from depthbench import runtime
from depthbench.record import from_line, to_line
from depthbench.report.criteria import after_epochs
from depthbench.spec import Criterion, TrialSpec
from depthbench.training import loop as loop_module
from depthbench.training import time_limit as time_limit_module
from depthbench.training.time_limit import TimeLimit
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial
from depthbench.verdict import outcome_under

# Five steps an epoch.
SPEC = TrialSpec(
    architecture="elu", depth=3, data="toy", seed=0, lr=0.05, batch_size=16, epochs=4
)


class Clock:
    """Stands still unless told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(time_limit_module, "monotonic_seconds", made)
    return made


class Timed(nn.Module):
    """A step of training takes a second, one of testing a hundred."""

    def __init__(self, clock):
        super().__init__()
        self.linear = nn.Linear(64, 10)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.clock = clock

    def forward(self, images):
        self.clock.now += 1.0 if self.training else 100.0
        return self.linear(images.flatten(1))


@pytest.mark.parametrize(
    ("seconds", "num_steps"),
    [(0.01, 1), (1.0, 1), (1.1, 2), (5.0, 5), (7.5, 8), (15.0, 15), (19.5, None)],
)
def test_ends_at_the_first_step_after_the_limit(clock, seconds, num_steps):
    """The steps up to there are those of the training without a limit."""
    full = run(Timed(clock), SPEC)
    assert (full.num_steps, full.ended_by) == (20, None)
    net = Timed(clock)
    training = run(net, replace(SPEC, max_train_seconds=seconds))
    if num_steps is None:
        assert numbers(training) == numbers(full)
        assert (training.num_steps, training.ended_by) == (20, None)
        return
    assert training.num_steps == num_steps
    assert training.ended_by == "max_train_seconds"
    assert training.first_nonfinite_step is None
    assert len(training.epochs) == -(-num_steps // 5)
    num_whole = num_steps // 5
    assert numbers(training)[:num_whole] == numbers(full)[:num_whole]
    assert training.trace[-1].num_steps == num_steps
    last = training.epochs[-1]
    assert (last.test_loss, last.test_error) == evaluate(net, RESIDENT, 16)


def test_the_last_epoch_is_measured_as_far_as_it_went(clock):
    """Train means over the images it saw: with a vanishing rate, by hand."""
    spec = replace(SPEC, lr=1e-30, max_train_seconds=8.0)
    net = Timed(clock)
    nn.init.normal_(net.linear.weight, generator=runtime.generator(0, "weights"))
    training = run(net, spec)
    order = runtime.generator(0, "order")
    torch.randperm(70, generator=order)
    seen = torch.randperm(70, generator=order)[: 3 * 16]
    logits = net(RESIDENT.normalized(RESIDENT.train.images[seen]))
    labels = RESIDENT.train.labels[seen]
    loss = nn.functional.cross_entropy(logits, labels).item()
    assert training.epochs[1].train_loss == (pytest.approx(loss, rel=1e-5),)
    wrong = (logits.argmax(1) != labels).double().mean().item()
    assert training.epochs[1].train_error == (pytest.approx(wrong),)


def test_the_clock_is_read_with_the_losses_only(clock, monkeypatch):
    """As on a GPU: the training goes on to the next reading."""
    monkeypatch.setitem(loop_module._STEPS_PER_READING, "cpu", 3)
    ends = [
        run(Timed(clock), replace(SPEC, max_train_seconds=seconds)).num_steps
        for seconds in (1.0, 3.0, 3.5, 5.5)
    ]
    assert ends == [3, 3, 5, 8]


def test_a_divergence_goes_before_the_limit(clock):
    training = run(Timed(clock), replace(SPEC, lr=1e38, max_train_seconds=3.0))
    assert training.first_nonfinite_step is not None
    assert training.ended_by is None


def test_the_last_update_under_a_limit_may_break_the_weights(clock):
    """Its loss is never seen; the weights are looked at all the same."""

    class Breaks(Timed):
        def forward(self, images):
            out = super().forward(images)
            if self.training and self.clock.now > 1002.5:
                out.register_hook(lambda gradient: gradient * float("inf"))
            return out

    training = run(Breaks(clock), replace(SPEC, max_train_seconds=3.0))
    assert training.first_nonfinite_step == training.num_steps == 3
    assert training.ended_by is None


def test_without_a_limit_no_clock_is_read(monkeypatch):
    monkeypatch.setattr(time_limit_module, "monotonic_seconds", None)
    limit = TimeLimit(None)
    with limit.paused():
        assert not limit.is_over()


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    trial._architectures.cache_clear()
    return TrialContext(data_dir=tmp_path)


@pytest.fixture
def record(context, clock, monkeypatch):
    """Of a trial whose clock moves by a second at each reading of it."""

    def ticking():
        clock.now += 1.0
        return clock.now

    monkeypatch.setattr(time_limit_module, "monotonic_seconds", ticking)
    return run_trial(replace(SPEC, max_train_seconds=9.5), context)


def test_the_record_says_so_and_is_judged_as_usual(record):
    assert record.ended_by == "max_train_seconds"
    assert 5 < record.num_steps < 10
    assert len(record.epochs) == 2
    assert record.outcome.is_evidence
    assert record.outcome is outcome_under(record, Criterion())
    assert (record.stopped_early, record.at_stop, record.was_stopped) == (
        None,
        None,
        False,
    )
    assert from_line(to_line(record)) == record


def test_a_record_without_a_limit_does_not_speak_of_one(context):
    line = to_line(run_trial(SPEC, context))
    assert "ended_by" not in line
    assert "max_train_seconds" not in line


def test_what_fewer_epochs_would_have_recorded(record, context):
    """The first epoch is whole; the limit cuts every longer training alike."""
    one = after_epochs(record, 1)
    short = run_trial(replace(SPEC, epochs=1), context)
    assert one.ended_by is None
    assert one.epochs == record.epochs[:1]
    assert replace(one.epochs[0], seconds=0) == replace(short.epochs[0], seconds=0)
    for num_epochs in (2, 3, 4):
        cut = after_epochs(record, num_epochs)
        assert cut == replace(record, spec=replace(record.spec, epochs=num_epochs))
        assert cut.ended_by == "max_train_seconds"


@pytest.mark.slow
@pytest.mark.parametrize("milestones", [(1,), (1, 3), (2, 3)])
def test_a_shorter_training_has_the_milestones_that_it_reaches(context, milestones):
    spec = replace(SPEC, lr_milestones=milestones, lr_gamma=0.5)
    whole = run_trial(spec, context)
    for num_epochs in (1, 2, 3, 4):
        reached = tuple(each for each in milestones if each < num_epochs)
        short = replace(spec, epochs=num_epochs, lr_milestones=reached)
        found = after_epochs(whole, num_epochs)
        assert record_numbers(found) == record_numbers(run_trial(short, context))
