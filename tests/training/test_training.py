"""The training loop, on data small enough to check by hand."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from training_cases import (
    REGISTRY,
    RESIDENT,
    SPEC,
    Watched,
    evaluate,
    network,
    numbers,
    run,
)

from depthbench import runtime
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.stack import stack_of
from depthbench.training import batches as batches_module
from depthbench.training import loop as loop_module
from depthbench.training import trace as trace_module
from depthbench.training import train
from depthbench.training.testing import batch_statistics

STACKS = [name for name in REGISTRY if stack_of(REGISTRY[name])]
# The other stacks of the registry include controls, which are not to learn it.
REFERENCE = [stack.name for stack in NOTEBOOK_STACKS]


def test_every_image_is_seen_once_an_epoch_and_the_last_batch_is_kept():
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 10)

        def forward(self, images):
            if self.training:
                seen.append(images.detach().clone())
            return self.linear(images.flatten(1))

    training = run(Spy())
    assert [len(batch) for batch in seen] == [16, 16, 16, 16, 6] * 2
    assert training.num_steps == 10
    expected = RESIDENT.normalized(RESIDENT.train.images).flatten(1)
    for epoch in (seen[:5], seen[5:]):
        images = torch.cat(epoch).flatten(1)
        assert sorted(images.tolist()) == sorted(expected.tolist())
    assert not torch.equal(torch.cat(seen[:5]), torch.cat(seen[5:]))


def test_the_order_of_images_depends_on_the_seed_alone(monkeypatch):
    """Not on the network, nor on what it draws; so architectures can be paired."""

    def batches_of(name, depth, seed):
        seen = []
        losses = batches_module.head_losses

        def spy(heads, labels):
            seen.append(labels.tolist())
            return losses(heads, labels)

        monkeypatch.setattr(batches_module, "head_losses", spy)
        run(network(name, depth, seed), replace(SPEC, seed=seed))
        monkeypatch.setattr(batches_module, "head_losses", losses)
        return seen

    assert batches_of("elu", 3, 0) == batches_of("resnet_nobn", 9, 0)
    assert batches_of("elu", 3, 0) != batches_of("elu", 3, 1)


def test_sgd_follows_its_formula():
    """v <- m v + (g + w d), w <- w - lr v, against the same written out."""
    spec = replace(SPEC, epochs=1, momentum=0.8, weight_decay=0.01)
    trained, twin = network(), network()
    run(trained, spec)
    velocity = [torch.zeros_like(weight) for weight in twin.parameters()]
    order = torch.randperm(70, generator=runtime.generator(0, "order"))
    for chosen in order.split(16):
        (head,) = twin(RESIDENT.normalized(RESIDENT.train.images[chosen]))
        loss = nn.functional.cross_entropy(head, RESIDENT.train.labels[chosen])
        gradients = torch.autograd.grad(loss, list(twin.parameters()))
        with torch.no_grad():
            for weight, v, gradient in zip(
                twin.parameters(), velocity, gradients, strict=True
            ):
                v.mul_(0.8).add_(gradient + 0.01 * weight)
                weight.sub_(0.05 * v)
    for weight, right in zip(trained.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(weight, right, rtol=1e-4, atol=1e-6)


def test_losses_and_errors_are_means_over_images():
    """With a vanishing learning rate they equal a plain computation over the sets."""
    net = network()
    training = run(net, replace(SPEC, lr=1e-30, epochs=1))
    for split, loss, error in (
        (RESIDENT.train, training.epochs[0].train_loss, training.epochs[0].train_error),
        (RESIDENT.test, training.epochs[0].test_loss, training.epochs[0].test_error),
    ):
        (head,) = net(RESIDENT.normalized(split.images))
        right = nn.functional.cross_entropy(head, split.labels).item()
        assert loss[0] == pytest.approx(right, rel=1e-5)
        wrong = (head.argmax(1) != split.labels).double().mean().item()
        assert error[0] == pytest.approx(wrong)


def test_every_head_is_recorded():
    net = network("elu_multihead")
    training = run(net, replace(SPEC, lr=1e-30, epochs=1))
    heads = net(RESIDENT.normalized(RESIDENT.test.images))
    expected = [
        nn.functional.cross_entropy(head, RESIDENT.test.labels).item() for head in heads
    ]
    assert len(expected) == 3
    assert training.epochs[0].test_loss == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_several_heads_is_their_mean():
    """One step on one batch against the step that the mean's gradient makes."""
    spec = replace(SPEC, epochs=1, batch_size=70, momentum=0.0)
    net, twin = network("elu_multihead"), network("elu_multihead")
    run(net, spec)
    heads = twin(RESIDENT.normalized(RESIDENT.train.images))
    labels = RESIDENT.train.labels
    losses = [nn.functional.cross_entropy(head, labels) for head in heads]
    weights = list(twin.parameters())
    gradients = torch.autograd.grad(sum(losses) / 3, weights)
    for weight, start, gradient in zip(
        net.parameters(), weights, gradients, strict=True
    ):
        torch.testing.assert_close(
            weight, start - 0.05 * gradient, rtol=1e-4, atol=1e-6
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", REFERENCE)
def test_learns_the_toy_set(name):
    training = run(network(name), replace(SPEC, epochs=40))
    assert training.epochs[-1].train_error[-1] <= 0.2
    assert training.first_nonfinite_step is None


@pytest.mark.parametrize("name", ["elu_bn", "elu"])
def test_protocols_agree_through_the_first_epoch(name):
    """Bit for bit; from the second on only BatchNorm knows the difference."""
    spec = replace(SPEC, epochs=3)
    standard = numbers(run(network(name), spec))
    notebook = numbers(run(network(name), replace(spec, train_mode="first_epoch")))
    assert standard[0] == notebook[0]
    if name == "elu_bn":
        assert standard[1] != notebook[1]
        assert standard[2] != notebook[2]
    else:
        assert standard == notebook


def test_first_epoch_mode_trains_through_frozen_running_statistics():
    net = network("elu_bn")
    order = runtime.generator(0, "order")
    train(net, RESIDENT, replace(SPEC, epochs=1), order)
    after_one = net.stages[0][0].norm.running_mean.clone()
    net = network("elu_bn")
    run(net, replace(SPEC, epochs=3, train_mode="first_epoch"))
    assert torch.equal(net.stages[0][0].norm.running_mean, after_one)
    net = network("elu_bn")
    run(net, replace(SPEC, epochs=3))
    assert not torch.equal(net.stages[0][0].norm.running_mean, after_one)


def test_evaluation_changes_nothing():
    net = network("elu_bn")
    run(net)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    evaluate(net, RESIDENT, 16)
    testing = batches_module.DataPass(net, RESIDENT, RESIDENT.test, 16)
    with batch_statistics(net) as has_norms:
        assert has_norms
        testing.test_step(16)
        testing.test_step(4)
    _, errors = testing.means()
    assert all(torch.equal(before[key], net.state_dict()[key]) for key in before)
    assert not any(module.training for module in net.modules())
    (head,) = net.train()(RESIDENT.normalized(RESIDENT.test.images[:16]))
    (rest,) = net(RESIDENT.normalized(RESIDENT.test.images[16:]))
    answers = torch.cat([head.argmax(1), rest.argmax(1)])
    wrong = (answers != RESIDENT.test.labels).double().mean().item()
    assert errors == (pytest.approx(wrong),)


class BadAt(nn.Module):
    """A linear network whose logits turn to `value` at training step `step`."""

    def __init__(self, step, value):
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.left, self.value = step, value

    def forward(self, images):
        logits = self.linear(images.flatten(1))
        if self.training:
            self.left -= 1
            if self.left == -1:
                return logits * self.value
        return logits


@pytest.mark.parametrize("steps_per_reading", [1, 3, 25])
@pytest.mark.parametrize("step", [0, 3, 4, 5, 9])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bad_loss_is_attributed_to_its_step(
    monkeypatch, steps_per_reading, step, value
):
    monkeypatch.setitem(loop_module._STEPS_PER_READING, "cpu", steps_per_reading)
    training = run(BadAt(step, value))
    assert training.first_nonfinite_step == step
    assert training.num_steps == step
    assert len(training.epochs) == step // 5


def test_a_last_update_that_destroys_the_weights_is_a_divergence():
    class Bomb(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 10)
            self.linear.weight.register_hook(self.gradient)
            self.num_backward = 0

        def gradient(self, value):
            self.num_backward += 1
            return value * float("inf") if self.num_backward == 10 else value

        def forward(self, images):
            return self.linear(images.flatten(1))

    training = run(Bomb())
    assert training.first_nonfinite_step == training.num_steps == 10
    assert len(training.epochs) == 2


def test_same_trial_twice_is_bit_equal():
    assert numbers(run(network("elu_bn"))) == numbers(run(network("elu_bn")))


def test_the_trace_sums_up_steps_within_each_epoch(monkeypatch):
    """Against a loop by hand: five steps an epoch, three to a point."""
    monkeypatch.setattr(trace_module, "TRACE_STEPS", 3)
    training = run(Watched())
    net, losses, norms = Watched(), [], []
    optimizer = torch.optim.SGD(net.parameters(), lr=SPEC.lr, momentum=SPEC.momentum)
    order = runtime.generator(SPEC.seed, "order")
    for _ in range(SPEC.epochs):
        for batch in torch.randperm(70, generator=order).split(16):
            optimizer.zero_grad()
            images = RESIDENT.normalized(RESIDENT.train.images[batch])
            loss = functional.cross_entropy(net(images), RESIDENT.train.labels[batch])
            loss.backward()
            losses.append(loss.item())
            norms.append(
                torch.cat([p.grad.flatten() for p in net.parameters()]).norm().item()
            )
            optimizer.step()
    spans = [(0, 3), (3, 5), (5, 8), (8, 10)]
    assert [point.num_steps for point in training.trace] == [end for _, end in spans]
    for point, (start, end) in zip(training.trace, spans, strict=True):
        length = end - start
        assert point.loss == pytest.approx(sum(losses[start:end]) / length, rel=1e-4)
        mean = sum(norms[start:end]) / length
        assert point.gradient_norm == pytest.approx(mean, rel=1e-4)
    assert training.step_losses == pytest.approx(losses, rel=5e-3)


@pytest.mark.parametrize("num_steps", [1, 25])
def test_the_trace_ends_with_the_step_of_a_divergence(monkeypatch, num_steps):
    """However seldom the loss is read."""
    monkeypatch.setitem(loop_module._STEPS_PER_READING, "cpu", num_steps)
    training = run(network(), replace(SPEC, lr=1e30))
    assert training.first_nonfinite_step is not None
    assert training.trace[-1].num_steps == training.first_nonfinite_step + 1
    assert not math.isfinite(training.trace[-1].loss)
    assert len(training.step_losses) == training.first_nonfinite_step + 1
    assert not math.isfinite(training.step_losses[-1])
