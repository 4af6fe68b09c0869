"""Updates by `torch.optim` on flat parameters, and the L2 penalty, against twins."""

import copy
import subprocess
import sys
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import nn

from depthbench import runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.spec import TrialSpec
from depthbench.training.penalty import penalized_weights
from depthbench.training.updates import Updates, optimizer_of

SPEC = TrialSpec(architecture="elu_bn", depth=3, data="toy", seed=0, lr=0.05)
MAKERS = {
    "sgd": partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": partial(torch.optim.SGD, lr=0.05, momentum=0.8, nesterov=True),
    "adam": partial(torch.optim.Adam, lr=0.05, weight_decay=0.01),
    "rmsprop": partial(torch.optim.RMSprop, lr=0.05, weight_decay=0.01),
}


def equal(one, other):
    """Bit for bit: a -0.0 is not a 0.0."""
    as_bytes = [x.contiguous().numpy().tobytes() for x in (one, other)]
    return as_bytes[0] == as_bytes[1]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (torch.optim.SGD, {"momentum": 0.8, "nesterov": True, "dampening": 0}),
        (torch.optim.Adam, {"betas": (0.9, 0.999), "eps": 1e-8}),
        (torch.optim.RMSprop, {"alpha": 0.99, "eps": 1e-8, "momentum": 0}),
    ],
)
def test_a_spec_names_an_optimizer_and_its_settings(kind, settings):
    name = kind.__name__.lower()
    given = {"momentum": 0.8, "nesterov": True} if name == "sgd" else {}
    spec = TrialSpec(
        **SPEC.to_dict() | given | {"optimizer": name, "weight_decay": 0.1}
    )
    (group,) = optimizer_of(spec, [torch.zeros(3)]).param_groups
    expected = settings | {"lr": 0.05, "weight_decay": 0.1}
    assert {key: group[key] for key in expected} == expected


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("size", [1, 9, 17, 65, 1001])
def test_the_rounding_does_not_depend_on_where_a_parameter_lies(size, maker):
    """Vector code has a scalar tail, which falls elsewhere in a flat tensor."""
    source = torch.Generator().manual_seed(size)
    starts = [torch.randn(n, generator=source) for n in (3, size, 5)]
    mine = [nn.Parameter(start.clone()) for start in starts]
    theirs = [nn.Parameter(start.clone()) for start in starts]
    updates, optimizer = Updates(mine, MAKERS[maker]), MAKERS[maker](theirs)
    assert len({p.untyped_storage().data_ptr() for p in mine}) == 1
    for step in range(40):
        scale = 10.0 ** (step % 7 - 5)
        for one, other in zip(mine, theirs, strict=True):
            one.grad = scale * torch.randn(one.shape, generator=source)
            other.grad = one.grad.clone()
        updates.step()
        optimizer.step()
        assert all(equal(a.grad, b.grad) for a, b in zip(mine, theirs, strict=True))
    assert all(equal(a.data, b.data) for a, b in zip(mine, theirs, strict=True))


def test_parameters_become_aligned_views_with_their_order_in_memory():
    net = ARCHITECTURES["elu_bn"].build(
        3, image_shape=(1, 8, 8), num_classes=10, generator=runtime.generator(0, "w")
    )
    net.to(memory_format=torch.channels_last)
    before = [(p, p.detach().clone(), p.stride()) for p in net.parameters()]
    Updates(net.parameters(), MAKERS["sgd"])
    for parameter, values, stride in before:
        assert equal(parameter.data, values) and parameter.stride() == stride
        assert (parameter.data_ptr() - before[0][0].data_ptr()) % 64 == 0
    ends = sorted((p.data_ptr(), p.data_ptr() + p.nbytes) for p, _, _ in before)
    assert all(end <= start for (_, end), (start, _) in pairwise(ends))


def frozen(net):
    net[0].bias.requires_grad_(False)


def sharing(net):
    net[1].weight, net[1].bias = (
        nn.Parameter(row) for row in torch.zeros(2, 3).unbind()
    )


def mixed(net):
    net[1].double()


@pytest.mark.parametrize("change", [frozen, sharing, mixed])
def test_parameters_that_cannot_move_stay_where_they_are(change):
    net = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3))
    change(net)
    places = [parameter.data_ptr() for parameter in net.parameters()]
    Updates(net.parameters(), MAKERS["sgd"])
    assert [parameter.data_ptr() for parameter in net.parameters()] == places


@pytest.mark.parametrize("maker", MAKERS)
def test_a_parameter_without_a_gradient_is_left_alone(maker):
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3))
    idle = [parameter.detach().clone() for parameter in net[1].parameters()]
    updates = Updates(net.parameters(), MAKERS[maker], may_move=False)
    for _ in range(3):
        updates.forget_gradients()
        net[0](torch.ones(4, 2)).square().mean().backward()
        updates.step()
    for parameter, before in zip(net[1].parameters(), idle, strict=True):
        assert equal(parameter.data, before)


class Small(nn.Module):
    """Weights that are penalised, and biases, a norm and a frozen layer that are not.

    The last layer's weight has no part in the loss: its penalty alone moves it.
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


@pytest.mark.parametrize("trained_at_all", [True, False])
@pytest.mark.parametrize("maker", MAKERS)
def test_the_penalty_is_autograd_s_of_the_penalised_loss(maker, trained_at_all):
    """In float64, over several steps: values, penalties, and norms without it.

    With a frozen and an idle layer, for which parameters stay; or all in one tensor.
    """
    l2, source = 0.03, torch.Generator().manual_seed(1)
    net = Small() if trained_at_all else nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh())
    net.double()
    twin = copy.deepcopy(net)
    updates = Updates(
        net.parameters(), MAKERS[maker], penalized=penalized_weights(net), l2=l2
    )
    optimizer = MAKERS[maker]([p for p in twin.parameters() if p.requires_grad])
    theirs = dict(twin.named_parameters())
    weights = WEIGHTS if trained_at_all else ("0.weight",)
    for _ in range(6):
        images = torch.randn(5, 2, 6, 6, generator=source, dtype=torch.float64)
        updates.forget_gradients()
        net(images).square().mean().backward()
        penalty, norm = updates.penalty(), updates.step()
        optimizer.zero_grad()
        plain = twin(images).square().mean()
        plain.backward(retain_graph=True)
        gradients = [p.grad for p in theirs.values() if p.grad is not None]
        right = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        assert norm.item() == pytest.approx(right.item(), rel=1e-6)
        optimizer.zero_grad()
        sums = sum(theirs[name].square().sum() for name in weights)
        (plain + l2 * sums).backward()
        assert penalty.item() == pytest.approx(l2 * sums.item(), rel=1e-6)
        optimizer.step()
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter, theirs[name], rtol=1e-9, atol=1e-10)


@pytest.mark.slow
def test_a_trial_does_not_import_the_compiler_of_torch(tmp_path):
    """It takes seconds and 150 MB, in each worker."""
    code = """
import sys
from pathlib import Path
from dataclasses import replace
from depthbench.spec import TrialSpec
from depthbench.trial import TrialContext, run_trial
spec = TrialSpec(architecture="tanh_naive", depth=3, data="stroke_digits", seed=0,
                 lr=0.05, epochs=2, train_limit=64, lr_milestones=(1,))
context = TrialContext(data_dir=Path())
for optimizer in ("sgd", "adam", "rmsprop"):
    record = run_trial(replace(spec, optimizer=optimizer), context)
    assert record.num_steps == 2, record
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
