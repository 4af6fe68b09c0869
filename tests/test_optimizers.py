"""Adam, Nesterov's correction and the L2 penalty, against PyTorch's on twins."""

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_flat import Odd, equal, trained
from torch import nn

from depthbench.training.flat import FlatParameters
from depthbench.training.optimizers import Adam, Sgd
from depthbench.training.penalty import penalized_weights

RATE = 0.05


def tensor_rate(rate):
    return torch.tensor(rate, dtype=torch.float64)


def twin_of(ours, parameters):
    """PyTorch's optimizer with the settings of ours."""
    if isinstance(ours, Adam):
        return torch.optim.Adam(
            parameters, RATE, weight_decay=ours.weight_decay, foreach=False
        )
    return torch.optim.SGD(
        parameters,
        RATE,
        momentum=ours.momentum,
        weight_decay=ours.weight_decay,
        nesterov=ours.nesterov,
        foreach=False,
    )


SETTINGS = [
    Sgd(RATE, 0.9, 0.0, nesterov=True),
    Sgd(RATE, 0.8, 0.01, nesterov=True),
    Adam(RATE, 0.0),
    Adam(RATE, 0.01),
]


@pytest.mark.parametrize("rate", [float, tensor_rate])
@pytest.mark.parametrize("ours", SETTINGS)
def test_equals_torch_bit_for_bit(ours, rate):
    """With parameters that miss a gradient now and then, or share a memory."""
    net = Odd()
    twin = copy.deepcopy(net)
    flat = FlatParameters(net.parameters(), optimizer=type(ours))
    given = replace(ours, lr=rate(RATE))
    right = trained(twin, twin_of(ours, list(twin.parameters())).step)
    names = [name for name, _ in net.named_parameters()]
    found = trained(net, lambda: flat.update(given))
    assert len(found) == len(right) > len(names)
    for place, (one, other) in enumerate(zip(found, right, strict=True)):
        if one.dtype == torch.float64:
            torch.testing.assert_close(one, other, rtol=1e-14, atol=0)
        else:
            assert equal(one, other), names[place : place + 1]


@pytest.mark.parametrize("ours", SETTINGS)
@pytest.mark.parametrize("size", [1, 7, 9, 17, 63, 65, 1001])
def test_the_rounding_does_not_depend_on_where_a_parameter_lies(size, ours):
    source = torch.Generator().manual_seed(size)
    starts = [torch.randn(n, generator=source) for n in (3, size, 5)]
    mine = [nn.Parameter(start.clone()) for start in starts]
    theirs = [nn.Parameter(start.clone()) for start in starts]
    flat, optimizer = FlatParameters(mine, optimizer=type(ours)), twin_of(ours, theirs)
    for step in range(40):
        scale = 10.0 ** (step % 7 - 5)
        for one, other in zip(mine, theirs, strict=True):
            one.grad = scale * torch.randn(one.shape, generator=source)
            other.grad = one.grad.clone()
        flat.update(ours)
        optimizer.step()
    assert all(equal(a.data, b.data) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("ours", SETTINGS)
def test_float64_equals_torch_to_a_few_units_in_the_last_place(ours):
    source = torch.Generator().manual_seed(0)
    start = torch.randn(3, 7, generator=source, dtype=torch.float64)
    mine, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    flat = FlatParameters([mine], optimizer=type(ours))
    optimizer = twin_of(ours, [theirs])
    for _ in range(100):
        mine.grad = torch.randn(3, 7, generator=source, dtype=torch.float64)
        theirs.grad = mine.grad.clone()
        flat.update(ours)
        optimizer.step()
    torch.testing.assert_close(mine, theirs, rtol=0, atol=2e-14)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(SETTINGS),
    st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=8),
    st.floats(1e-6, 1e3),
)
def test_a_missing_gradient_leaves_a_parameter_and_its_count_alone(ours, present, size):
    """Whatever the pattern of steps in which which parameter has one."""
    source = torch.Generator().manual_seed(0)
    mine = [nn.Parameter(torch.randn(n, generator=source)) for n in (4, 1, 9)]
    theirs = [nn.Parameter(parameter.detach().clone()) for parameter in mine]
    flat, optimizer = FlatParameters(mine, optimizer=type(ours)), twin_of(ours, theirs)
    for step in present:
        if not any(step):
            continue
        for one, other, has in zip(mine, theirs, step, strict=True):
            one.grad = size * torch.randn(one.shape, generator=source) if has else None
            other.grad = one.grad.clone() if has else None
        flat.update(ours)
        optimizer.step()
    assert all(equal(a.data, b.data) for a, b in zip(mine, theirs, strict=True))


class Small(nn.Module):
    """Weights that are penalised, and biases, a norm and a frozen layer that are not.

    The last layer has no part in the loss: its penalty alone moves it.
    """

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(2)
        self.conv = nn.Conv2d(2, 3, 3)
        self.up = nn.ConvTranspose2d(3, 3, 2)
        self.frozen = nn.Linear(3, 3).requires_grad_(False)
        self.linear = nn.Linear(3, 4)
        self.tied = nn.Linear(3, 4)
        self.tied.weight = self.linear.weight
        self.own = nn.Parameter(torch.ones(4))
        self.idle = nn.Linear(2, 2)

    def forward(self, images):
        pooled = self.up(self.conv(self.norm(images)).relu()).mean((2, 3))
        pooled = self.frozen(pooled)
        return self.linear(pooled) + self.tied(pooled).tanh() * self.own


WEIGHTS = ("conv.weight", "up.weight", "linear.weight", "idle.weight")


def test_the_penalty_is_on_weights_of_convolutions_and_linear_layers_alone():
    net = Small()
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    assert sorted(names[id(weight)] for weight in penalized_weights(net)) == (
        sorted(WEIGHTS)
    )


def test_a_penalty_on_nothing_is_refused():
    with pytest.raises(ValueError, match=r"l2: .* no nn.Conv or nn.Linear .*leave"):
        penalized_weights(nn.Sequential(nn.BatchNorm2d(2), nn.Flatten()))


@pytest.mark.parametrize("may_move", [True, False])
@pytest.mark.parametrize("ours", [Sgd(RATE, 0.9, 0.01), *SETTINGS])
def test_the_penalty_is_autograd_s_of_the_penalised_loss(ours, may_move):
    """In float64, over several steps: values, penalties, and norms without it."""
    l2, source = 0.03, torch.Generator().manual_seed(1)
    net = Small().double()
    twin = copy.deepcopy(net)
    flat = FlatParameters(
        net.parameters(),
        optimizer=type(ours),
        penalized=penalized_weights(net),
        l2=l2,
        may_move=may_move,
    )
    optimizer = twin_of(ours, [p for p in twin.parameters() if p.requires_grad])
    theirs = dict(twin.named_parameters())
    for _ in range(6):
        images = torch.randn(5, 2, 6, 6, generator=source, dtype=torch.float64)
        flat.forget_gradients()
        net(images).square().mean().backward()
        penalty, norm = flat.penalty(), flat.update(ours)
        optimizer.zero_grad()
        plain = twin(images).square().mean()
        plain.backward(retain_graph=True)
        gradients = [p.grad for p in theirs.values() if p.grad is not None]
        right = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        assert norm.item() == pytest.approx(right.item(), rel=1e-6)
        optimizer.zero_grad()
        sums = sum(theirs[name].square().sum() for name in WEIGHTS)
        (plain + l2 * sums).backward()
        assert penalty.item() == pytest.approx(l2 * sums.item(), rel=1e-6)
        optimizer.step()
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter, theirs[name], rtol=1e-11, atol=1e-12)
