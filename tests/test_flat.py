"""SGD on flat buffers, against `torch.optim.SGD` on the same parameters."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from depthbench.training.flat import FlatParameters
from depthbench.training.optimizers import Sgd


class Odd(nn.Module):
    """What users' modules do: tie, freeze, mix types, leave out, share memory."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last)
        self.encode = nn.Linear(5, 7, bias=False)
        self.decode = nn.Linear(5, 7)
        self.decode.weight = self.encode.weight
        self.frozen = nn.Linear(7, 7).requires_grad_(False)
        self.wide = nn.Parameter(torch.randn(7, dtype=torch.float64))
        self.scalar = nn.Parameter(torch.tensor(0.5))
        self.never = nn.Linear(7, 7)
        self.sometimes = nn.Parameter(torch.randn(7))
        halves = torch.randn(2, 7)
        self.first, self.second = (nn.Parameter(half) for half in halves)
        self.unused_slice = nn.Parameter(torch.randn(7, 2)[:, 0])

    def forward(self, images, step):
        pooled = self.conv(images).mean((2, 3))
        out = self.frozen(self.encode(pooled) + self.decode(pooled) * self.scalar)
        out = out * self.wide.float() + self.first - self.second + self.unused_slice
        return out + self.sometimes if step in (2, 3, 5) else out


def trained(net, update, num_steps=7):
    source = torch.Generator().manual_seed(1)
    for step in range(num_steps):
        for parameter in net.parameters():
            parameter.grad = None
        images = torch.randn(4, 3, 6, 6, generator=source)
        net(images, step).square().mean().backward()
        update()
    parameters = list(net.parameters())
    gradients = [p.grad for p in parameters if p.grad is not None]
    return [p.detach().clone() for p in parameters] + gradients


def equal(one, other):
    """Bit for bit: a -0.0 is not a 0.0."""
    as_bytes = [x.contiguous().numpy().tobytes() for x in (one, other)]
    return as_bytes[0] == as_bytes[1]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_equals_torch_bit_for_bit(momentum, weight_decay):
    """Skipped parameters keep their values and momenta; gradients are not changed."""
    net = Odd()
    twin = copy.deepcopy(net)
    optimizer = torch.optim.SGD(
        twin.parameters(), lr=0.05, momentum=momentum, weight_decay=weight_decay
    )
    flat = FlatParameters(net.parameters())
    sgd = Sgd(0.05, momentum, weight_decay)
    right = trained(twin, optimizer.step)
    for ours, theirs in zip(trained(net, lambda: flat.update(sgd)), right, strict=True):
        assert equal(ours, theirs)


@pytest.mark.parametrize("size", [1, 7, 8, 9, 15, 17, 31, 33, 63, 65, 1001])
def test_the_rounding_does_not_depend_on_where_a_parameter_lies(size):
    """Vector code has a scalar tail, which falls elsewhere in a flat buffer."""
    source = torch.Generator().manual_seed(size)
    starts = [torch.randn(n, generator=source) for n in (3, size, 5)]
    ours = [nn.Parameter(start.clone()) for start in starts]
    theirs = [nn.Parameter(start.clone()) for start in starts]
    flat = FlatParameters(ours)
    optimizer = torch.optim.SGD(theirs, lr=0.05, momentum=0.9, weight_decay=1e-3)
    for _ in range(5):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=source)
            other.grad = one.grad.clone()
        flat.update(Sgd(0.05, 0.9, 1e-3))
        optimizer.step()
    assert all(equal(a.data, b.data) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_signed_zeros_are_those_of_torch(momentum):
    zeros = torch.tensor([0.0, -0.0])
    ours, theirs = nn.Parameter(zeros.clone()), nn.Parameter(zeros.clone())
    ours.grad, theirs.grad = torch.full((2,), -0.0), torch.full((2,), -0.0)
    FlatParameters([ours]).update(Sgd(0.05, momentum, 0.0))
    torch.optim.SGD([theirs], lr=0.05, momentum=momentum).step()
    assert equal(ours.data, theirs.data)


def test_parameters_stay_themselves():
    """Objects, values, shapes and orders in memory; aligned, and in one memory."""
    net = Odd()
    before = {name: (p, p.detach().clone()) for name, p in net.named_parameters()}
    strides = {name: p.stride() for name, p in net.named_parameters()}
    shared = net.first.untyped_storage().data_ptr()
    FlatParameters(net.parameters())
    for name, parameter in net.named_parameters():
        assert parameter is before[name][0]
        assert equal(parameter.data, before[name][1])
        assert parameter.stride() == strides[name]
        assert parameter.requires_grad is not name.startswith("frozen")
    assert net.decode.weight is net.encode.weight
    for half in (net.first, net.second):
        assert half.untyped_storage().data_ptr() == shared
    flat = [net.conv.weight, net.conv.bias, net.encode.weight, net.never.weight]
    assert len({p.untyped_storage().data_ptr() for p in flat}) == 1
    assert all(p.data_ptr() % 64 == flat[0].data_ptr() % 64 for p in flat)
    assert net.conv.weight.is_contiguous(memory_format=torch.channels_last)
    ends = sorted((p.data_ptr(), p.data_ptr() + p.nbytes) for p in flat)
    assert all(end <= start for (_, end), (start, _) in pairwise(ends))
