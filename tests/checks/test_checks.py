"""Checks: what is sound passes them all, and each fault fails the one it belongs to."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from toy import TOY_SETS, toy_data

from depthbench.architectures.definition import Architecture
from depthbench.architectures.stack import stack_of
from depthbench.checks import derivatives
from depthbench.checks.conformance import CHECKS, check_architecture
from depthbench.checks.derivatives import PenalizedLoss, check_derivatives
from depthbench.checks.preflight import preflight, preflight_trials
from depthbench.checks.result import depths_of
from depthbench.checks.seeds import digests
from depthbench.checks.subject import Subject, move_weights
from depthbench.plugins import load_architectures
from depthbench.registry import Registry
from depthbench.spec import DepthGrid, StudySpec
from depthbench.study.resolve import resolve_cells
from depthbench.training.autograd_graph import has_batch_norm, num_weight_layers_on_path
from depthbench.trial import TrialContext
from depthbench.trial import run as trial

DATA = toy_data()
# As small as a network that pads nothing can have.
LARGER = toy_data(size=16)
REGISTRY = load_architectures()
GRID = DepthGrid(start=2, step=1)
DEPTHS = (2, 4)


class Apply(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, signal):
        return self.function(signal)


def backward_times(factor):
    """The identity, with a backward pass that is wrong by a factor."""

    class Times(torch.autograd.Function):
        @staticmethod
        def forward(_, signal):
            return signal.clone()

        @staticmethod
        def backward(_, gradient):
            return factor * gradient

    return Apply(Times.apply)


def mlp(depth, num_classes=10, middle=(), activation=nn.Tanh):
    """Linear layers 64-16-...-classes, `depth` of them, `middle` before the last."""
    layers = [nn.Flatten()]
    for place in range(depth - 1):
        layers += [nn.Linear(16 if place else 64, 16), activation()]
    return nn.Sequential(*layers, *middle, nn.Linear(16, num_classes))


class Functional(nn.Module):
    """The same multi-layer perceptron, of bare tensors."""

    def __init__(self, depth):
        super().__init__()
        self.weights = nn.ParameterList(mlp(depth).parameters())

    def forward(self, images):
        signal, weights = images.flatten(1), list(self.weights)
        for weight, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            signal = functional.linear(signal, weight, bias).tanh()
        return functional.linear(signal, *weights[-2:])


def with_unused(depth):
    net = mlp(depth)
    net.forgotten = nn.Linear(3, 3)
    net.forward = lambda x: [x := part(x) for part in list(net)[:-1]][-1]
    return net


def new_layer(depth):
    def made_here(signal):
        return nn.Linear(16, 16)(signal)

    return mlp(depth, middle=[Apply(made_here)])


def from_numpy(depth):
    net = mlp(depth)
    drawn = np.random.standard_normal((10, 16)).astype("float32")  # noqa: NPY002
    net[-1].weight.data = 0.1 * torch.from_numpy(drawn)
    return net


def own_seed(depth):
    torch.manual_seed(0)
    return mlp(depth)


def loud(depth):
    net = mlp(depth)
    nn.init.normal_(net[-1].weight, std=5.0)
    return net


def blind(depth):
    """Sees the mean of an image only."""
    return nn.Sequential(Apply(lambda x: x.mean((2, 3)).expand(-1, 64)), *mlp(depth))


def raises(depth):
    return {}["weights"]


FAULTS = {
    "seven classes": (
        lambda k: mlp(k, num_classes=7),
        {"logits": "gives float32 [3, 7] for 3 images in evaluation mode; expected"},
    ),
    "features": (lambda k: nn.Flatten(), {"logits": "[3, 64]"}),
    "float64": (
        lambda k: nn.Sequential(mlp(k), Apply(torch.Tensor.double)),
        {"logits": "gives float64 [3, 10]"},
    ),
    "raises": (raises, {"logits": "KeyError: 'weights' (test_checks.py:"}),
    "detach": (
        lambda k: mlp(k, middle=[Apply(torch.Tensor.detach)]),
        {"parameters": "1.weight, 1.bias: no gradient, though the loss depends"},
    ),
    "numpy": (
        from_numpy,
        {
            "seeds": "the same seed gives other values of 3.weight the second time",
            "processes": "3.weight: one seed gives other values in another process",
        },
    ),
    "own seed": (own_seed, {"seeds": "the same at seeds 0 and 1 (100% of the drawn"}),
    "depth unused": (
        lambda k: mlp(2),
        {"weight layers": "the same logits as at depth 2, given the same random"},
    ),
    "squeeze": (
        lambda k: nn.Sequential(mlp(k), Apply(torch.squeeze)),
        {"odd batches": "a batch of 1 in evaluation mode gives logits of shape (10,)"},
    ),
    "needs two": (
        lambda k: nn.Sequential(mlp(k), Apply(lambda x: x if len(x) > 1 else x[1])),
        {"odd batches": "a batch of 1 in evaluation mode: IndexError"},
    ),
    "images mixed": (
        lambda k: nn.Sequential(mlp(k), Apply(lambda x: x - x.mean(0) / 2)),
        {"odd batches": "with others beside it", "NaN stays": "reaches the logits of"},
    ),
    "wrong backward": (
        lambda k: mlp(k, middle=[backward_times(2)]),
        {"derivatives": "the wrong backward pass is there or nearer to the loss"},
    ),
}
DOUBTS = {
    "in place": (
        lambda k: nn.Sequential(Apply(lambda x: x.mul_(0.5)), mlp(k)),
        {"input kept": "works in place"},
    ),
    "unused layer": (
        with_unused,
        {"parameters": "forgotten.weight, forgotten.bias: never used by forward()"},
    ),
    "loud": (loud, {"initial loss": "more than 10 % away"}),
    "blind": (blind, {"overfits": "of 50 images are right within 150 steps of Adam"}),
    "softmax": (
        lambda k: nn.Sequential(mlp(k), nn.Softmax(1)),
        {"logits": "leave the softmax out"},
    ),
    "NaN replaced": (
        lambda k: nn.Sequential(Apply(lambda x: torch.where(x == x, x, 0)), mlp(k)),
        {"NaN stays": "replaces NaN"},
    ),
    "layers of its own": (
        Functional,
        {"weight layers": "declare num_weight_layers"},
    ),
}


def subject_of(build, **more):
    def built(depth, *, image_shape, num_classes, generator):
        return build(depth)

    item = Architecture(name="mine", build=built, lr=0.1, grid=GRID, **more)
    return with_second_process(Subject.on(item, DATA))


def with_second_process(subject):
    """One that builds what this process does; tests of real ones are elsewhere."""
    return replace(subject, digests_elsewhere=lambda k: digests(subject.build(k)))


def results(subject, depths=DEPTHS):
    return list(check_architecture(subject, depths))


def figures_of(found, *verdicts):
    """The first figures of each check that ended so."""
    return {r.check: r.figures for r in reversed(found) if r.verdict in verdicts}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_fails_its_own_check_and_no_other(name):
    build, expected = FAULTS[name]
    found = results(subject_of(build))
    failed = figures_of(found, "failed")
    assert failed.keys() == expected.keys(), failed
    for check, words in expected.items():
        assert words in failed[check]
    assert not figures_of(found, "warning")


@pytest.mark.slow
@pytest.mark.parametrize("name", DOUBTS)
def test_what_may_be_meant_is_a_warning(name):
    build, expected = DOUBTS[name]
    found = results(subject_of(build))
    assert not figures_of(found, "failed")
    warned = figures_of(found, "warning")
    assert warned.keys() == expected.keys(), warned
    for check, words in expected.items():
        assert words in warned[check]


def zero_last(depth):
    net = mlp(depth)
    nn.init.zeros_(net[-1].weight)
    return net


def kinks(depth):
    """Every pixel and bias starts where ReLU and max pooling have no derivative."""
    layers = []
    for place in range(depth - 1):
        conv = nn.Conv2d(4 if place else 1, 4, 3, padding=1)
        nn.init.zeros_(conv.bias)
        layers += [conv, nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10))


def frozen(depth):
    net = mlp(depth)
    net[1].weight.requires_grad_(False)
    return net


SOUND = {
    "mlp": mlp,
    "BatchNorm1d": lambda k: mlp(k, middle=[nn.BatchNorm1d(16)]),
    "dropout": lambda k: mlp(k, middle=[nn.Dropout(0.8)]),
    "kinks": kinks,
    "wiggles": lambda k: mlp(k, activation=lambda: Apply(lambda x: (20 * x).sin())),
    "zeros at the end": zero_last,
    "frozen": frozen,
    "two heads": lambda k: Apply2(mlp(k), mlp(2)),
}


class Apply2(nn.Module):
    def __init__(self, deep, shallow):
        super().__init__()
        self.deep, self.shallow = deep, shallow

    def forward(self, images):
        return self.shallow(images), self.deep(images)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_what_is_legitimate_passes(name):
    more = {"num_weight_layers": lambda k: k} if name == "two heads" else {}
    found = results(subject_of(SOUND[name], **more))
    assert not figures_of(found, "failed", "warning")
    assert {r.check for r in found if r.depth == 2} == set(CHECKS)
    left_out = [(r.depth, r.check) for r in found if r.verdict == "skipped"]
    assert left_out == [(4, "initial loss"), (4, "overfits")]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(REGISTRY))
def test_the_built_in_architectures_are_sound(name):
    item = REGISTRY[name]
    data = DATA if stack_of(item) else LARGER
    subject = with_second_process(Subject.on(item, data))
    found = results(subject, (item.grid.start,))
    assert {r.check for r in found} == set(CHECKS)
    unpromised = set() if item.promises_initial_loss else {"initial loss"}
    assert figures_of(found, "skipped").keys() == unpromised, found
    assert not figures_of(found, "failed", "warning"), found


@pytest.mark.slow
def test_a_gradient_that_starts_at_zero_is_named():
    found = figures_of(results(subject_of(zero_last), (2,)), "passed")
    assert "1.weight, 1.bias is 0 until the weights have moved" in found["gradients"]
    found = figures_of(results(subject_of(frozen), (2,)), "passed")
    assert found["parameters"].endswith("registered; 1 more are frozen")


@pytest.mark.slow
def test_a_signal_that_vanishes_on_the_way_is_told():
    def shrinking(depth):
        net = mlp(depth)
        with torch.no_grad():
            for weight in net.parameters():
                weight.mul_(1e-4)
        return net

    deep = results(subject_of(shrinking), (2, 4))
    assert "vanishes" in figures_of(deep, "warning")["gradients"]
    assert not figures_of(results(subject_of(mlp), (2, 4)), "warning")


@pytest.mark.slow
def test_who_claims_to_know_no_modes_must_not_use_them():
    subject = subject_of(SOUND["dropout"], has_train_mode=False)
    failed = figures_of(results(subject), "failed")
    assert failed.keys() == {"modes"}
    assert (
        "has_train_mode=False, but the logits of both modes differ" in failed["modes"]
    )


@pytest.mark.slow
def test_another_number_of_layers_than_declared_is_a_warning():
    """What counts as a layer is for the user to say."""
    found = results(subject_of(mlp, num_weight_layers=lambda k: 2 * k))
    assert not figures_of(found, "failed")
    warned = figures_of(found, "warning")
    assert warned.keys() == {"weight layers"}
    assert "2 weight layers from image to logits" in warned["weight layers"]
    assert "num_weight_layers(2) = 4" in warned["weight layers"]


def test_who_promises_no_initial_loss_is_only_told_it():
    found = results(subject_of(loud, promises_initial_loss=False), (2,))
    assert not figures_of(found, "failed")
    assert "does not promise it" in figures_of(found, "skipped")["initial loss"]


@pytest.mark.slow
def test_the_initial_loss_is_the_mean_cross_entropy_and_the_penalty_its_own():
    """Against a network whose logits are all 0: ln 10, and a known sum of squares."""

    def ones(depth):
        net = mlp(depth)
        for parameter in net.parameters():
            nn.init.constant_(parameter, 1.0)
        nn.init.zeros_(net[-1].bias)
        return net

    subject = subject_of(lambda k: nn.Sequential(ones(k), Apply(lambda x: 0 * x)))
    says = figures_of(results(subject, (2,)), "passed")["initial loss"]
    assert says == f"{math.log(10):.4g}, ln 10 = 2.303; with 0.001 sum(W^2) 1.18 more"


def test_a_network_of_float32_alone_is_not_differentiated_in_silence():
    insists = Apply(lambda x: x + torch.ones(1, dtype=torch.float32) @ torch.ones(1))
    found = results(
        subject_of(lambda k: nn.Sequential(insists, Apply(only_float32), mlp(k))), (2,)
    )
    assert not figures_of(found, "failed", "warning")
    assert "does not run in float64" in figures_of(found, "skipped")["derivatives"]


def only_float32(signal):
    if signal.dtype != torch.float32:
        raise TypeError("float32, please")
    return signal


@pytest.mark.slow
def test_a_loss_too_rough_for_differences_is_no_false_alarm():
    """Sines of sines: slopes of 1e4 that hold for less than any step."""
    subject = subject_of(SOUND["wiggles"])
    finding = check_derivatives(subject, 9)
    assert finding.verdict == "passed", finding.figures
    assert "too rough" in finding.figures


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1 - 1e-4, 1 + 1e-3, 0.5, -1.0])
def test_a_backward_pass_wrong_by_any_factor_is_found(factor):
    """Of one part in 10,000 without BatchNorm."""
    subject = subject_of(lambda k: mlp(k, middle=[backward_times(factor)]))
    finding = check_derivatives(subject, 3)
    assert finding.verdict == "failed"
    assert finding.figures.startswith("3.")


@pytest.mark.slow
def test_an_update_with_half_the_penalty_s_gradient_is_found(monkeypatch):
    """The usual slip: c sum(W^2) in the loss, the gradient of c/2 sum(W^2)."""

    class Halved(derivatives.Updates):
        def __init__(self, parameters, make, *, l2, **rest):
            super().__init__(parameters, make, l2=l2 / 2, **rest)

    subject = subject_of(mlp)
    assert check_derivatives(subject, 3).verdict == "passed"
    monkeypatch.setattr(derivatives, "Updates", Halved)
    finding = check_derivatives(subject, 3)
    assert finding.verdict == "failed"
    assert "weight: autograd says" in finding.figures


def test_the_penalty_leaves_no_trace_in_the_network():
    net = mlp(3).double()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    zeros = {name: torch.zeros_like(p) for name, p in net.named_parameters()}
    loss = PenalizedLoss(net, torch.zeros(2, 64).double(), torch.tensor([0, 1]), 3.14)
    gradients = loss.gradients(zeros)
    for kept, (name, parameter) in zip(before, net.named_parameters(), strict=True):
        assert torch.equal(parameter, kept) and parameter.grad is None
        right = 6.28 * kept if parameter.dim() == 2 else torch.zeros_like(kept)
        torch.testing.assert_close(gradients[name], right, rtol=1e-12, atol=1e-15)


@pytest.mark.slow
def test_a_relu_network_of_any_seed_has_no_false_alarm():
    """Kinks are where derivatives do not exist; some step is always small enough."""
    item = subject_of(kinks).architecture
    for seed in range(8):
        subject = Subject.on(item, toy_data(num_train=50 + seed))
        finding = check_derivatives(subject, 5)
        assert finding.verdict == "passed", finding.figures


class Bent(nn.Module):
    """Adds |w - kink|, where `kink` is nearer than any step to where w is looked at."""

    def __init__(self, rest):
        super().__init__()
        self.weight, self.rest = nn.Parameter(torch.zeros(2)), rest
        moved = nn.ParameterList([nn.Parameter(torch.zeros(2, dtype=torch.float64))])
        move_weights(moved)
        self.kink = moved[0][0].item() + 1e-10

    def forward(self, images):
        bent = (self.weight[0] - self.kink).abs() + self.weight[1]
        return self.rest(images) + bent * torch.arange(10)


@pytest.mark.slow
def test_a_kink_where_the_weights_happen_to_be_is_no_false_alarm(monkeypatch):
    subject = subject_of(lambda k: Bent(mlp(k)))
    assert check_derivatives(subject, 2).verdict == "passed"
    monkeypatch.setattr(derivatives, "_NUM_POINTS", 1)
    assert check_derivatives(subject, 2).verdict == "failed"


def test_a_layer_made_in_forward_is_found():
    found = results(subject_of(new_layer))
    assert "used, but not registered" in figures_of(found, "failed")["parameters"]
    assert "random numbers" in figures_of(found, "warning")["repeatable"]


@pytest.mark.slow
def test_what_a_check_finds_is_the_same_every_time():
    subject = subject_of(lambda k: mlp(k, middle=[nn.Dropout(0.2)]))
    assert results(subject) == results(subject)


@pytest.mark.parametrize(
    ("grid", "asked", "depths"),
    [
        ((3, 3), (None, None), (3, 15, 30)),
        ((8, 6), (None, None), (8, 14, 26)),
        ((1, 1), (None, None), (1, 15, 30)),
        ((41, 20), (None, None), (41, 61, 81)),
        ((3, 3), (6, 6), (6,)),
        ((3, 3), (3, 6), (3, 6)),
        ((3, 3), (30, 90), (30, 60, 90)),
    ],
)
def test_the_depths_looked_at(grid, asked, depths):
    assert depths_of(DepthGrid(*grid), *asked) == depths


def test_depths_off_the_grid_or_out_of_order_are_refused():
    with pytest.raises(ValueError, match="not on the depth grid"):
        depths_of(DepthGrid(3, 3), 3, 10)
    with pytest.raises(ValueError, match="LOW <= HIGH"):
        depths_of(DepthGrid(3, 3), 9, 3)


class Bottleneck(nn.Module):
    """Three convolutions, and a fourth as their shortcut."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(1, 4, 1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Conv2d(4, 1, 1),
        )
        self.shortcut = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        return self.inner(x) + self.shortcut(x)


def test_layers_are_counted_along_the_longest_path():
    """Two blocks of three convolutions and a linear layer; shortcuts do not count."""
    net = nn.Sequential(Bottleneck(), Bottleneck(), nn.Flatten(), nn.Linear(64, 10))
    images = torch.randn(2, 1, 8, 8, requires_grad=True)
    logits = net(images)
    assert num_weight_layers_on_path(logits, images, net) == 7
    assert has_batch_norm(logits)
    without = nn.Sequential(
        nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(64, 10))
    )
    logits = without(images)
    assert num_weight_layers_on_path(logits, images, without) == 1
    assert not has_batch_norm(logits)


@pytest.mark.slow
def test_a_thousand_layers_are_counted_without_recursion():
    net = nn.Sequential(*[nn.Linear(2, 2) for _ in range(3000)])
    images = torch.randn(1, 2, requires_grad=True)
    assert num_weight_layers_on_path(net(images), images, net) == 3000


def test_the_images_come_from_the_whole_training_set():
    """A set in the order of its classes shows all of them."""
    order = DATA.train_labels.argsort(stable=True)
    ordered = replace(
        DATA,
        train_images=DATA.train_images[order],
        train_labels=DATA.train_labels[order],
    )
    assert set(Subject.on(REGISTRY["elu"], ordered).labels.tolist()) == set(range(10))


@pytest.fixture
def seen_before_a_run(monkeypatch, tmp_path):
    """What the look before a run says of a network."""

    def look(build, **more):
        item = replace(subject_of(build).architecture, **more)
        registry = Registry("architecture", {"mine": item})
        monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
        monkeypatch.setattr(trial, "_architectures", lambda plugins: registry)
        study = StudySpec(arch=("mine",), data=("toy",), lr_grid=(0.1, 0.2))
        cells = resolve_cells(study, registry, TOY_SETS, device="cpu")
        (spec,) = preflight_trials(cells)
        assert spec.depth == GRID.start
        return preflight(spec, TrialContext(data_dir=tmp_path)).reason

    return look


PREFLIGHT = {
    "seven classes": "ValueError: logits of two images in evaluation mode: got torch.",
    "raises": "KeyError: 'weights' (test_checks.py:",
    "cut": "0.1.weight, 0.1.bias, 0.3.weight and 1 more: no gradient, though the loss",
    "frozen": "ValueError: no parameter is to be trained",
    "modes": "ValueError: has_train_mode=False, but the logits of both modes differ by",
    "exits": "SystemExit: 3",
}


def exits(depth):
    raise SystemExit(3)


@pytest.mark.parametrize("name", PREFLIGHT)
def test_before_a_run_what_cannot_be_trained_is_told(seen_before_a_run, name):
    builds = {
        "seven classes": FAULTS["seven classes"][0],
        "raises": raises,
        "cut": lambda k: nn.Sequential(mlp(k), Apply(torch.Tensor.detach)),
        "frozen": lambda k: mlp(k).requires_grad_(False),
        "modes": lambda k: mlp(k, middle=[nn.Dropout()]),
        "exits": exits,
    }
    more = {"has_train_mode": False} if name == "modes" else {}
    assert seen_before_a_run(builds[name], **more).startswith(PREFLIGHT[name])


@pytest.mark.parametrize("name", ["sound", "NaN", "short of memory"])
def test_before_a_run_no_number_is_judged(seen_before_a_run, name):
    """NaN is what a run may be to find, and memory is its trials' to run out of."""

    def short_of_memory(depth):
        raise MemoryError

    builds = {
        "sound": mlp,
        "NaN": lambda k: nn.Sequential(mlp(k), Apply(lambda x: x * torch.nan)),
        "short of memory": short_of_memory,
    }
    assert seen_before_a_run(builds[name]) is None
