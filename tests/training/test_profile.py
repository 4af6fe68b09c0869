"""Profiles: what they say, and that they change nothing."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from depthbench.record import Profile
from depthbench.runtime import generator
from depthbench.training.profile import profile_of

IMAGES = torch.randn((16, 1, 8, 8), generator=generator(0, "profile images"))
LABELS = torch.arange(16) % 4


class Plain(nn.Module):
    def __init__(self, depth=4):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(1 if n == 0 else 3, 3, 3, padding=1) for n in range(depth)
        )
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Linear(192, 4)

    def forward(self, images):
        self.signals = []
        for layer in self.layers:
            images = torch.tanh(layer(images))
            self.signals.append(images)
        return self.head(functional.dropout(self.norm(images), 0.2).flatten(1))


def test_a_profile_is_what_its_words_say():
    net = Plain()
    net.norm.eval()
    found = profile_of(net, IMAGES, LABELS)
    signals = []
    signal = IMAGES
    for layer in net.layers[:3]:
        signal = torch.tanh(layer(signal))
        signals.append(signal.detach().double())
    assert found.num_layers == (1, 2, 3, 4)
    assert found.deviation[:3] == pytest.approx(
        [s.std().item() for s in signals], rel=1e-3
    )
    flat = signals[0].flatten(1)
    pairs = [
        functional.cosine_similarity(flat[i], flat[j], dim=0).item()
        for i in range(16) for j in range(16) if LABELS[i] != LABELS[j]
    ]  # fmt: skip
    assert found.correlation[0] == pytest.approx(sum(pairs) / len(pairs), rel=1e-3)
    assert all(gradient > 0 for gradient in found.gradient)


def test_a_profile_changes_nothing_of_the_network():
    net = Plain().eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    profile_of(net, IMAGES, LABELS)
    assert torch.equal(torch.get_rng_state(), state)
    assert not net.training and all(p.grad is None for p in net.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_deep_network_keeps_its_ends_and_few_blocks_between():
    found = profile_of(Plain(120), IMAGES, LABELS)
    assert len(found.num_layers) == 48
    assert (found.num_layers[0], found.num_layers[-1]) == (1, 120)


def test_what_has_not_two_blocks_has_no_profile():
    assert (
        profile_of(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), IMAGES, LABELS)
        is None
    )


@pytest.mark.parametrize(
    ("first", "last", "nats"),
    [(1e-3, 1.0, -13.8155), (0.0, 1.0, -math.inf), (1.0, 0.0, math.inf)],
)
def test_nats_are_of_squares(first, last, nats):
    found = Profile(
        num_layers=(1, 2), deviation=(1, 1), gradient=(first, last), correlation=(0, 0)
    )
    assert found.nats == pytest.approx(nats, rel=1e-4)


def test_nothing_is_said_of_numbers_that_are_none():
    for ends in ((math.nan, 1.0), (0.0, 0.0), (math.inf, 1.0)):
        found = Profile(
            num_layers=(1, 2), deviation=(1, 1), gradient=ends, correlation=(0, 0)
        )
        assert math.isnan(found.nats)
