"""Replicas trained at once, against each one trained alone."""

from dataclasses import replace

import pytest
import torch
from toy import toy_data

from depthbench import runtime
from depthbench.kernels import reference
from depthbench.plugins import load_architectures
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData, train
from depthbench.training.loop import train_replicas
from depthbench.training.replicas import (
    Replicas,
    batched_linear,
    linear_one_by_one,
    one_by_one,
)

REGISTRY = load_architectures()
RESIDENT = ResidentData.on("cpu", toy_data())
SPEC = TrialSpec(
    architecture="elu", depth=6, data="toy", seed=0, lr=0.05, batch_size=16, epochs=3
)


def network(spec, device="cpu"):
    return (
        REGISTRY[spec.architecture]
        .build(
            spec.depth,
            image_shape=(1, 8, 8),
            num_classes=10,
            generator=runtime.generator(spec.seed, "weights"),
        )
        .to(device)
    )


def together(specs, linear=linear_one_by_one, data=RESIDENT, device="cpu"):
    nets = [network(spec, device) for spec in specs]
    for net in nets:
        net.conv_blocks = one_by_one(reference.conv_blocks)
    orders = [runtime.generator(spec.seed, "order") for spec in specs]
    net = Replicas(nets, linear)
    return net, train_replicas(net, data, specs, orders)


def alone(spec, data=RESIDENT):
    net = network(spec)
    return net, train(net, data, spec, runtime.generator(spec.seed, "order"))


def without_times(training):
    """As a text, in which NaN equals NaN."""
    epochs = tuple(replace(epoch, seconds=0.0) for epoch in training.epochs)
    return repr(replace(training, epochs=epochs))


@pytest.mark.parametrize("train_mode", ["every_epoch", "first_epoch"])
@pytest.mark.parametrize("name", ["elu", "elu_bn", "resnet", "elu_multihead"])
def test_a_replica_equals_the_network_alone_bit_for_bit(name, train_mode):
    """Results, weights and running statistics; two seeds, three rates."""
    base = replace(SPEC, architecture=name, train_mode=train_mode, weight_decay=0.01)
    specs = [
        replace(base, seed=seed, lr=lr) for seed, lr in ((0, 0.05), (1, 0.05), (1, 0.2))
    ]
    net, trainings = together(specs)
    for index, (spec, training) in enumerate(zip(specs, trainings, strict=True)):
        solo, right = alone(spec)
        assert without_times(training) == without_times(right)
        if right.first_nonfinite_step is not None:
            continue
        theirs = solo.state_dict()
        for key, values in net.stack.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                assert torch.equal(values[index], theirs[key]), key
    assert len({training.epochs[0].train_loss for training in trainings}) == 3


@pytest.mark.parametrize("linear", [batched_linear, linear_one_by_one])
@pytest.mark.parametrize("name", ["elu", "elu_bn", "resnet_nobn"])
def test_one_that_diverges_leaves_the_others_as_they_are(name, linear):
    """Bit for bit, and its own first bad step is the one it has alone."""
    base = replace(SPEC, architecture=name)
    calm = [replace(base, seed=0), replace(base, seed=2)]
    wild = replace(base, seed=1, lr=1e30)
    tame = replace(wild, lr=0.05)
    net, (first, burst, last) = together([calm[0], wild, calm[1]], linear)
    same, trainings = together([calm[0], tame, calm[1]], linear)
    assert burst.first_nonfinite_step is not None
    assert without_times(burst) == without_times(alone(wild)[1])
    assert [without_times(t) for t in (first, last)] == [
        without_times(t) for t in (trainings[0], trainings[2])
    ]
    for ours, theirs in zip(net.parameters(), same.parameters(), strict=True):
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[2], theirs[2])
        assert ours[0].isfinite().all()


def test_training_ends_when_all_have_diverged():
    specs = [
        replace(SPEC, seed=seed, lr=10.0**power) for seed, power in ((0, 1), (1, 30))
    ]
    _, trainings = together(specs)
    bad = [training.first_nonfinite_step for training in trainings]
    assert bad == [alone(spec)[1].first_nonfinite_step for spec in specs]
    assert bad[0] != bad[1]
    assert [len(training.epochs) for training in trainings] == [1, 0]


def test_seconds_are_shares():
    _, trainings = together([SPEC, replace(SPEC, seed=1)])
    began = runtime.monotonic_seconds()
    _, trainings = together([SPEC, replace(SPEC, seed=1)])
    took = runtime.monotonic_seconds() - began
    seconds = [epoch.seconds for training in trainings for epoch in training.epochs]
    assert 0.3 * took < sum(seconds) <= took


def test_the_batched_heads_equal_those_one_by_one():
    """Values and gradients, to the last bits of float64."""
    source = torch.Generator().manual_seed(0)
    shapes = ((3, 16, 144), (3, 10, 144), (3, 10))
    results = []
    inputs = [torch.randn(s, generator=source, dtype=torch.float64) for s in shapes]
    for linear in (batched_linear, linear_one_by_one):
        leaves = [value.clone().requires_grad_() for value in inputs]
        logits = linear(*leaves)
        logits.square().sum().backward()
        results.append([logits.detach(), *(leaf.grad for leaf in leaves)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
