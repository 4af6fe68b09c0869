"""Trials at different depths share no randomness; at one depth and seed, all of it."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from toy import TOY_SETS, toy_data

from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.definition import Architecture
from depthbench.registry import Registry
from depthbench.spec import DepthGrid, TrialSpec
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial
from depthbench.trial.network import build_network

SPEC = TrialSpec(
    architecture="elu", depth=27, data="toy", seed=5, lr=0.05, epochs=1, batch_size=7
)
REFERENCE = (
    "tanh_naive",
    "tanh_glorot",
    "elu",
    "elu_bn",
    "resnet",
    "tanh_bn_naive",
    "resnet_nobn",
    "elu_multihead",
)


class Witness(nn.Module):
    """A linear classifier that notes the images it is trained on, and a draw."""

    def __init__(self, seen, draws):
        super().__init__()
        self.head = nn.Linear(64, 10)
        draws.append(self.head.weight.detach().clone())
        self.seen = seen

    def forward(self, images):
        if self.training:
            self.seen.extend(images.flatten(1).double().sum(1).tolist())
        return self.head(images.flatten(1))


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Runs a trial; returns the images in the order they came, and default weights."""

    def run(spec):
        seen, draws = [], []
        entries = {
            name: Architecture(
                name=name,
                lr=0.05,
                build=lambda depth, **_: Witness(seen, draws),
                grid=DepthGrid(3, 3),
                has_train_mode=False,
            )
            for name in ("one", "other")
        }
        registry = Registry("architecture", entries)
        monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
        monkeypatch.setattr(trial, "_architectures", lambda plugins: registry)
        record = run_trial(spec, TrialContext(data_dir=tmp_path))
        assert record.outcome.is_evidence, record.message
        return seen, draws[0]

    return run


def correlation(a, b):
    pair = torch.stack([torch.as_tensor(a), torch.as_tensor(b)]).double()
    return torch.corrcoef(pair)[0, 1].item()


def first_layer(architecture, depth, seed=5, seeding="seed_and_depth"):
    """The first convolution's 36 weights at 40 seeds, over their deviation: [1440]."""
    data = toy_data()
    drawn = []
    for each in range(seed, seed + 40):
        spec = replace(
            SPEC, architecture=architecture, depth=depth, seed=each, seeding=seeding
        )
        net = build_network(ARCHITECTURES[architecture], spec, data)
        convolution = next(p for p in net.parameters() if p.dim() == 4)
        drawn.append(convolution.detach().flatten())
    weights = torch.cat(drawn)
    return weights / weights.std()


def test_depths_share_no_order(trained):
    here, _ = trained(replace(SPEC, architecture="one", depth=27))
    deeper, _ = trained(replace(SPEC, architecture="one", depth=30))
    assert sorted(here) == sorted(deeper)
    assert abs(correlation(here, deeper)) < 0.4  # 70 images: 0.12 is one deviation


def test_the_first_seeding_shared_the_order_among_depths(trained):
    """Which shows that the test above can fail."""
    first = replace(SPEC, architecture="one", seeding="seed")
    assert trained(replace(first, depth=27))[0] == trained(replace(first, depth=30))[0]


def test_architectures_rates_and_protocols_share_order_and_default_weights(trained):
    seen, weights = trained(replace(SPEC, architecture="one"))
    for changes in ({"lr": 0.01}, {"train_mode": "first_epoch"}, {"momentum": 0.0}):
        other_seen, other_weights = trained(
            replace(SPEC, architecture="other", **changes)
        )
        assert other_seen == seen
        assert other_weights.equal(weights)
    assert trained(replace(SPEC, architecture="one", seed=6))[0] != seen


def test_depths_share_no_default_weights_of_modules(trained):
    _, here = trained(replace(SPEC, architecture="one", depth=27))
    _, deeper = trained(replace(SPEC, architecture="one", depth=30))
    assert abs(correlation(here.flatten(), deeper.flatten())) < 0.2


@pytest.mark.slow
def test_depths_share_no_first_layer():
    here, deeper = first_layer("elu", 27), first_layer("elu", 30)
    limit = 4 / math.sqrt(len(here))
    assert abs(correlation(here, deeper)) < limit
    shared = (first_layer("elu", depth, seeding="seed") for depth in (27, 30))
    assert correlation(*shared) > 0.999


@pytest.mark.slow
@pytest.mark.parametrize("architecture", REFERENCE)
def test_architectures_share_the_first_layer_but_for_its_scale(architecture):
    torch.testing.assert_close(first_layer(architecture, 27), first_layer("elu", 27))
