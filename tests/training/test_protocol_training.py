"""Whole trainings with schedules, other optimizers and a penalty: as PyTorch's."""

import math
from dataclasses import replace

import pytest
import torch
from op_recorder import OpRecorder
from torch import nn
from torch.nn import functional
from training_cases import RESIDENT, Watched, network, run, without_times

from depthbench import runtime
from depthbench.record import Outcome
from depthbench.record.chance import Chance
from depthbench.spec import TrialSpec
from depthbench.training import loop as loop_module
from depthbench.training.graphed import Graphed
from depthbench.training.result import record_of

SPEC = TrialSpec(
    architecture="elu", depth=3, data="toy", seed=0, lr=0.05, batch_size=16, epochs=5
)
# Two milestones in a row, and rates that no power of two makes exact.
SCHEDULE = {"lr_milestones": (1, 3, 4), "lr_gamma": 0.3}
PROTOCOLS = {
    "schedule": SCHEDULE,
    "nesterov": {"nesterov": True, "weight_decay": 0.01},
    "adam": {"optimizer": "adam", "lr": 0.01},
    "rmsprop": SCHEDULE | {"optimizer": "rmsprop", "lr": 0.01, "weight_decay": 1e-3},
    "warmup": SCHEDULE | {"warmup": 7},
    "all": SCHEDULE | {"optimizer": "adam", "lr": 0.01, "l2": 1e-3},
    "penalty": SCHEDULE | {"nesterov": True, "l2": 1e-3, "weight_decay": 1e-3},
}


def torch_optimizer(spec, parameters):
    if spec.optimizer != "sgd":
        kind = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop}
        return kind[spec.optimizer](
            parameters, spec.lr, weight_decay=spec.weight_decay, foreach=False
        )
    return torch.optim.SGD(
        parameters,
        spec.lr,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
        nesterov=spec.nesterov,
        foreach=False,
    )


def trained_by_torch(net, spec):
    """The loop as PyTorch's tutorials write it; rates of the epochs on the side."""
    optimizer = torch_optimizer(spec, net.parameters())
    scheduler = torch.optim.lr_scheduler.MultiStepLR(
        optimizer, spec.lr_milestones, spec.lr_gamma
    )
    order, rates, number = runtime.generator(spec.seed, "order"), [], 0
    weights = [
        module.weight
        for module in net.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    for _ in range(spec.epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        for batch in torch.randperm(70, generator=order).split(spec.batch_size):
            optimizer.zero_grad()
            (head,) = net(RESIDENT.normalized(RESIDENT.train.images[batch]))
            loss = functional.cross_entropy(head, RESIDENT.train.labels[batch])
            if spec.l2:
                loss = loss + spec.l2 * sum(weight.square().sum() for weight in weights)
            loss.backward()
            number += 1
            for group in optimizer.param_groups:
                group["lr"] = rates[-1] * min(1, number / max(1, spec.warmup))
            optimizer.step()
        optimizer.param_groups[0]["lr"] = rates[-1]
        scheduler.step()
    return rates


@pytest.mark.parametrize("name", PROTOCOLS)
def test_trains_as_torch_does(name):
    """Bit for bit; with a penalty, whose gradient rounds otherwise, nearly."""
    spec = replace(SPEC, **PROTOCOLS[name])
    net, twin = network(), network()
    run(net, spec)
    rates = trained_by_torch(twin, spec)
    assert len(set(rates)) == (4 if spec.lr_milestones else 1)
    plain = network()
    run(plain, SPEC)
    for one, other, third in zip(
        *(each.parameters() for each in (net, twin, plain)), strict=True
    ):
        if spec.l2:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
        else:
            assert torch.equal(one, other)
        assert not torch.allclose(one, third, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["schedule", "nesterov", "penalty", "rmsprop"])
@pytest.mark.parametrize("architecture", ["elu", "elu_bn"])
def test_captured_steps_have_the_rate_of_their_epoch(monkeypatch, name, architecture):
    """Not Adam: its step on a CPU reads a number, as on a GPU it does not."""
    monkeypatch.setitem(loop_module._STEPS_PER_READING, "cpu", 25)
    spec = replace(SPEC, **PROTOCOLS[name])
    net, twin, recorder = network(architecture), network(architecture), OpRecorder()
    graphed, order = Graphed(net, recorder), runtime.generator(0, "order")
    training = loop_module.train(net, RESIDENT, spec, order, graphed)
    assert graphed.eager_reason is None
    assert recorder.num_replayed > recorder.num_eager
    assert without_times(training) == without_times(run(twin, spec))
    theirs = twin.state_dict()
    for key, value in net.state_dict().items():
        assert torch.equal(value, theirs[key]), key


def test_recorded_losses_and_norms_are_without_the_penalty():
    """As far as the first step goes; after it the weights differ."""
    first, second = (
        run(network(), replace(SPEC, epochs=1, batch_size=70, l2=l2))
        for l2 in (0.0, 0.5)
    )
    assert first.trace == second.trace
    assert first.epochs[0].train_loss == second.epochs[0].train_loss
    assert first.epochs[0].test_loss != second.epochs[0].test_loss


def test_a_penalty_pulls_an_idle_network_to_zero():
    """W <- W - lr 2 c W where the loss is flat, and the biases stay."""

    class Flat(Watched):
        def forward(self, images):
            return super().forward(images) * 0

    net = Flat()
    nn.init.ones_(net.linear.weight)
    nn.init.ones_(net.linear.bias)
    run(net, replace(SPEC, momentum=0.0, l2=0.25, epochs=2))
    right = torch.full((10, 64), (1 - 0.05 * 2 * 0.25) ** 10)
    torch.testing.assert_close(net.linear.weight.data, right)
    assert torch.equal(net.linear.bias.data, torch.ones(10))


class Huge(nn.Module):
    """Whose weights square to infinity in float32, while its logits are ordinary."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10, bias=False)
        nn.init.constant_(self.linear.weight, 1e20)

    def forward(self, images):
        return self.linear(images.flatten(1) * 1e-20)


@pytest.mark.parametrize("num_steps", [1, 25])
def test_a_penalty_that_overflows_is_a_divergence(monkeypatch, num_steps):
    monkeypatch.setitem(loop_module._STEPS_PER_READING, "cpu", num_steps)
    spec = replace(SPEC, lr=1e-6)
    assert run(Huge(), spec).first_nonfinite_step is None
    training = run(Huge(), replace(spec, l2=1e-5))
    assert training.first_nonfinite_step == training.num_steps == 0
    assert math.isfinite(training.trace[0].loss)
    record = record_of(spec, training, num_classes=10, chance=Chance.even(10))
    assert record.outcome is Outcome.DIVERGED
