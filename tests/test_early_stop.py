"""Trainings that rules end: fewer steps, and the same up to there as in full."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from toy import TOY_SETS, toy_data

from depthbench import runtime
from depthbench.kernels import reference
from depthbench.plugins import load_architectures
from depthbench.record import Outcome, from_line, to_line
from depthbench.spec import TrialSpec
from depthbench.stop_rules import Chance, Learned
from depthbench.training import ResidentData, train
from depthbench.training import loop as loop_module
from depthbench.training import trace as trace_module
from depthbench.training.loop import train_replicas
from depthbench.training.replicas import Replicas, linear_one_by_one, one_by_one
from depthbench.training.testing import evaluate
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial

REGISTRY = load_architectures()
RESIDENT = ResidentData.on("cpu", toy_data())
# Five steps an epoch, two a point: points end with steps 2, 4, 5, 7, 9, 10, 12, ...
CHANCE = Chance(step=9, tolerance=0.5, gradient_norm=100.0)
LEARNED = Learned(step=1, loss=0.6, threshold=0.9)
SPEC = TrialSpec(
    architecture="elu", depth=3, data="toy", seed=0, lr=1e-4, batch_size=16, epochs=4
)
STOPPING = replace(SPEC, stop_rules=(CHANCE.name,))


@pytest.fixture(autouse=True)
def short_points(monkeypatch):
    monkeypatch.setattr(trace_module, "TRACE_STEPS", 2)


class Spied(nn.Module):
    """Counts its training steps."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.num_steps = 0

    def forward(self, images):
        self.num_steps += self.training and torch.is_grad_enabled()
        return self.net(images)


def network(spec):
    return REGISTRY[spec.architecture].build(
        spec.depth,
        image_shape=(1, 8, 8),
        num_classes=10,
        generator=runtime.generator(spec.seed, "weights"),
    )


def scaled(net, scale):
    """Its heads scaled by `scale`; or all of it by 0, so that it only learns biases."""
    with torch.no_grad():
        for weight in (net.heads if scale else net).parameters():
            weight.mul_(scale)
    return net


def alone(spec, scale=1.0):
    net = Spied(scaled(network(spec), scale))
    order = runtime.generator(spec.seed, "order")
    return net, train(net, RESIDENT, spec, order)


def numbers(epochs):
    return [replace(epoch, seconds=0.0) for epoch in epochs]


def without_times(training):
    stop = training.stop
    stop = stop and replace(stop, epoch=numbers([stop.epoch])[0])
    return repr(replace(training, epochs=tuple(numbers(training.epochs)), stop=stop))


def without_norms(training):
    points = tuple(point._replace(gradient_norm=0.0) for point in training.trace)
    return replace(training, trace=points)


@pytest.mark.parametrize("steps_per_reading", [1, 25])
def test_a_stopped_training_is_the_beginning_of_the_full_one(
    monkeypatch, steps_per_reading
):
    monkeypatch.setitem(loop_module._STEPS_PER_READING, "cpu", steps_per_reading)
    full_net, full = alone(SPEC)
    net, stopped = alone(STOPPING)
    assert (full_net.num_steps, full.num_steps, full.stop) == (20, 20, None)
    assert net.num_steps == stopped.num_steps == stopped.stop.num_steps == 9
    assert stopped.stop.rule == CHANCE.name
    assert stopped.first_nonfinite_step is None
    assert stopped.trace == full.trace[: len(stopped.trace)]
    assert stopped.trace[-1].num_steps == 9
    assert numbers(stopped.epochs) == numbers(full.epochs)[:1]


def test_the_weights_at_the_stop_are_those_of_the_full_training():
    """Of a batch normalised network, which has statistics to spoil, too."""
    spec = replace(SPEC, architecture="elu_bn", epochs=1, batch_size=7)
    rule = Chance(step=10, tolerance=0.5, gradient_norm=100.0)
    stopping = replace(spec, epochs=3, stop_rules=(rule.name,))
    full, _ = alone(spec)
    stopped, training = alone(stopping)
    assert training.stop.num_steps == 10
    for name, value in full.state_dict().items():
        assert torch.equal(value, stopped.state_dict()[name]), name


def test_the_epoch_of_a_stop_is_measured_as_far_as_it_went():
    """Train means over the images seen, test means of the weights at the stop."""
    rule = Chance(step=8, tolerance=0.5, gradient_norm=100.0)
    spec = replace(SPEC, batch_size=7, lr=1e-30, stop_rules=(rule.name,))
    net, training = alone(spec)
    assert training.epochs == ()
    epoch = training.stop.epoch
    order = torch.randperm(70, generator=runtime.generator(0, "order"))[:56]
    (head,) = net.net.eval()(RESIDENT.normalized(RESIDENT.train.images[order]))
    labels = RESIDENT.train.labels[order]
    loss = nn.functional.cross_entropy(head, labels).item()
    assert epoch.train_loss == (pytest.approx(loss, rel=1e-5),)
    wrong = (head.argmax(1) != labels).double().mean().item()
    assert epoch.train_error == (pytest.approx(wrong),)
    means = evaluate(net, RESIDENT, 7)
    assert (epoch.test_loss, epoch.test_error) == means


def test_a_rule_that_does_not_fire_changes_nothing():
    never = Chance(step=1000, tolerance=0.5, gradient_norm=100.0)
    _, full = alone(SPEC)
    _, watched = alone(replace(SPEC, stop_rules=(never.name, LEARNED.name)))
    assert without_times(watched) == without_times(full)


@pytest.mark.parametrize(("step", "expected"), [(17, 17), (18, 19), (20, None)])
def test_the_end_of_the_training_is_no_stop(step, expected):
    """Its epochs are complete, and it is judged by them."""
    rule = Chance(step=step, tolerance=0.5, gradient_norm=100.0)
    _, training = alone(replace(SPEC, stop_rules=(rule.name,)))
    if expected is None:
        assert (training.stop, len(training.epochs)) == (None, 4)
    else:
        assert (training.stop.num_steps, len(training.epochs)) == (expected, 3)


def test_the_first_rule_that_fires_is_named():
    other = replace(CHANCE, gradient_norm=200.0)
    for rules in ((CHANCE, other), (other, CHANCE)):
        names = tuple(rule.name for rule in rules)
        _, training = alone(replace(SPEC, stop_rules=names))
        assert training.stop.rule == names[0]


def test_a_divergence_goes_before_a_rule():
    anything = Chance(step=1, tolerance=1e9, gradient_norm=1e300)
    _, training = alone(replace(SPEC, lr=1e30, stop_rules=(anything.name,)))
    assert training.first_nonfinite_step is not None
    assert training.stop is None


@pytest.mark.parametrize(("name", "lr"), [("elu", 0.2), ("elu_bn", 0.05)])
def test_replicas_are_stopped_one_by_one_and_do_not_notice(name, lr):
    """Some learn, at their speeds; one cannot leave chance; one diverges."""
    rules = (replace(CHANCE, step=45, tolerance=0.2).name, LEARNED.name)
    shared = replace(SPEC, architecture=name, lr=lr, epochs=20, stop_rules=rules)
    specs = [replace(shared, seed=seed) for seed in range(5)]
    scales = (1.0, 1.0, 0.0, 1e30, 20.0)
    nets = [scaled(network(s), scale) for s, scale in zip(specs, scales, strict=True)]
    for net in nets:
        net.conv_blocks = one_by_one(reference.conv_blocks)
    orders = [runtime.generator(spec.seed, "order") for spec in specs]
    replicas = Replicas(nets, linear_one_by_one)
    together = train_replicas(replicas, RESIDENT, specs, orders)
    for spec, scale, training in zip(specs, scales, together, strict=True):
        right = alone(spec, scale)[1]
        assert without_times(without_norms(training)) == (
            without_times(without_norms(right))
        )
        norms = [point.gradient_norm for point in training.trace]
        # Summed in another order.
        assert norms == pytest.approx(
            [point.gradient_norm for point in right.trace], rel=1e-3, nan_ok=True
        )
    stops = [training.stop and training.stop.rule for training in together]
    assert stops[:4] == [rules[1], rules[1], rules[0], None]
    # One that learns goes on after another was stopped, or is stopped after it.
    assert together[4].num_steps != together[0].num_steps


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    trial._architectures.cache_clear()
    return TrialContext(data_dir=tmp_path)


def test_a_record_names_the_rule_and_the_step(context):
    record = run_trial(STOPPING, context)
    assert record.outcome is Outcome.STUCK
    assert record.stopped_early == CHANCE.name
    assert record.num_steps == 9
    assert len(record.epochs) == 1
    assert record.at_stop.test_error[0] > 0.5
    assert record.was_stopped
    assert from_line(to_line(record)) == record


def test_a_full_trial_and_one_that_may_be_stopped_are_two(context):
    full = run_trial(SPEC, context)
    assert (full.was_stopped, full.at_stop) == (False, None)
    assert SPEC.id != STOPPING.id
    diverged = run_trial(replace(STOPPING, lr=1e30), context)
    assert diverged.outcome is Outcome.DIVERGED
    assert not diverged.was_stopped
