"""Conformance of every registered architecture; the stacks and their twin."""

import math
from dataclasses import replace
from functools import partial

import pytest
import reference_nets
import torch
from torch import nn
from torch.nn import functional

from depthbench import Stack
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.stack import stack_of
from depthbench.checks.subject import move_weights
from depthbench.plugins import load_architectures
from depthbench.trial.network import bare_network, num_weight_layers

REGISTRY = load_architectures()
NAMES = tuple(REGISTRY)
STACKS = tuple(name for name in NAMES if stack_of(REGISTRY[name]))
NOTEBOOK = tuple(stack.name for stack in NOTEBOOK_STACKS)
# Where some weights start at 0 and let no gradient through to others.
START_AT_ZERO = ("resnet_skipinit", "resnet_fixup", "vit_rezero")
MNIST_SHAPE = (1, 28, 28)

# k = 3 and k = 6, counted by hand for the first of each kind:
# 40 + 296 + 1168 (convolutions 1-4, 4-8, 8-16) + 1450 (linear 144-10) = 2954.
GOLDEN_PARAMETERS = {
    "tanh_naive": (2954, 6006),
    "tanh_glorot": (2954, 6006),
    "elu": (2954, 6006),
    "elu_bn": (3010, 6118),
    "resnet": (3010, 6118),
    "tanh_bn_naive": (3010, 6118),
    "resnet_nobn": (2954, 6006),
    "elu_multihead": (14734, 17786),
    "relu_he": (2954, 6006),
    "selu_lecun": (2954, 6006),
    "gelu_bn": (3010, 6118),
    "elu_gn": (3010, 6118),
    "elu_ln": (3010, 6118),
    "elu_ws": (2982, 6062),  # a gain for each channel
    "tanh_orthogonal": (2954, 6006),
    "tanh_delta_orthogonal": (2954, 6006),
    "tanh_bn_gamma01": (3010, 6118),
    "elu_lsuv": (2954, 6006),
    "lrelu_tat": (2954, 6006),
    "highway": (2954, 9058),  # 148 + 584 + 2320 of gates
    "resnet_sqrt": (2954, 6006),
    "resnet_skipinit": (2954, 6009),
    "tanh_tiny": (2954, 6006),
}


def build(name, depth, seed=0, image_shape=MNIST_SHAPE, init=None):
    return bare_network(
        REGISTRY[name].with_initializer(init),
        depth,
        image_shape=image_shape,
        num_classes=10,
        entropy=(seed,),
    )


def test_the_eight_are_there_with_the_notebooks_settings():
    assert NAMES[: len(NOTEBOOK)] == NOTEBOOK
    sigma = {"normal_0.05": "0.05", "fan_out": "fan_out"}
    table = {
        name: (item.lr, sigma[item.initializer], item.reference)
        for name, item in REGISTRY.entries.items()
        if name in NOTEBOOK
    }
    assert table == {
        "tanh_naive": (0.05, "0.05", (6, 9)),
        "tanh_glorot": (0.05, "fan_out", (48, 51)),
        "elu": (0.05, "fan_out", (39, 42)),
        "elu_bn": (0.05, "fan_out", (63, 66)),
        "resnet": (0.05, "fan_out", (102, 105)),
        "tanh_bn_naive": (0.05, "0.05", (48, 51)),
        "resnet_nobn": (0.005, "fan_out", (21, 24)),
        "elu_multihead": (0.005, "fan_out", (138, 141)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("depth", [3, 9])
@pytest.mark.parametrize("name", STACKS)
def test_forward_and_gradients_equal_the_float64_reference(name, depth):
    """Outputs and every gradient to 1e-5, relative to their norm.

    A gradient that is zero in exact arithmetic (a bias before BatchNorm) is held
    against the norm of all gradients together.
    """
    net = build(name, depth)
    source = torch.Generator().manual_seed(7)
    # Scale, shift and bias away from 1 and 0, where a mix-up would not show.
    for weight in net.parameters():
        with torch.no_grad():
            weight.add_(0.1 * torch.randn(weight.shape, generator=source))
    images = torch.randn(8, *MNIST_SHAPE, generator=source)
    labels = torch.randint(0, 10, (8,), generator=source)

    heads = net.train()(images)
    losses = [functional.cross_entropy(head, labels) for head in heads]
    (sum(losses) / len(losses)).backward()

    weights = [weight.detach().double().requires_grad_() for weight in net.parameters()]
    expected = reference_nets.logits(name, depth, weights, images.double())
    reference_nets.mean_cross_entropy(expected, labels).backward()

    assert len(heads) == len(expected)
    for head, right in zip(heads, expected, strict=True):
        assert relative_error(head, right) < 1e-5
    total = torch.stack([weight.grad.norm() for weight in weights]).norm()
    for weight, right in zip(net.parameters(), weights, strict=True):
        is_zero = right.grad.norm() < 1e-12 * total
        scale = total if is_zero else right.grad.norm()
        assert (weight.grad - right.grad).norm() / scale < 1e-5


def relative_error(value, right):
    return ((value - right).norm() / right.norm()).item()


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_convolutions_are_exactly_k_at_every_depth(name, monkeypatch):
    """Counted on the meta device, without storage; every k to 300 of two stacks.

    PyTorch's default initialisation, which is overwritten anyway, is most of the time
    of a build there; it is left out.
    """
    for layer in (nn.Conv2d, nn.Linear, nn.BatchNorm2d):
        monkeypatch.setattr(layer, "reset_parameters", lambda self: None)
    item = REGISTRY[name]
    step = item.grid.step if name in NOTEBOOK[:2] else 99
    for depth in range(item.grid.start, 301, step):
        with torch.device("meta"):
            net = build(name, depth)
        assert len(convolutions(net)) == depth
        assert num_weight_layers(item, depth, net) == depth + 1


@pytest.mark.parametrize("name", STACKS)
def test_parameter_counts(name):
    counts = tuple(
        sum(weight.numel() for weight in build(name, depth).parameters())
        for depth in (3, 6)
    )
    assert counts == GOLDEN_PARAMETERS[name]


def convolutions(net):
    """But the gates, which stand beside others."""
    return [
        part
        for key, part in net.named_modules()
        if isinstance(part, nn.Conv2d) and not key.endswith("gate")
    ]


def note(called, module, *_):
    called.append(module)


@pytest.mark.parametrize("name", NAMES)
def test_the_declared_weight_layers_are_those_on_the_longest_path(name):
    """Counted as they are called, without storage; shortcuts lie beside the path."""
    item = REGISTRY[name]
    for steps in (0, 1, 4, 9):
        depth = item.grid.start + steps * item.grid.step
        with torch.device("meta"):
            net = build(name, depth, image_shape=(3, 32, 32)).eval()
        called = []
        for key, module in net.named_modules():
            is_beside = key.endswith(("query", "key")) or "shortcut" in key
            if isinstance(module, nn.Conv2d | nn.Linear) and not is_beside:
                module.register_forward_hook(partial(note, called))
        net(torch.randn(2, 3, 32, 32, device="meta"))
        if stack_of(item):  # whose convolutions are not called as modules
            called = called[-1:] + convolutions(net)
        assert num_weight_layers(item, depth, net) == len(called) == len(set(called))


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_gives_one_network(name):
    """Whatever torch's global generators do."""
    depth = REGISTRY[name].grid.start
    torch.manual_seed(1)
    first = build(name, depth).state_dict()
    torch.manual_seed(2)
    again = build(name, depth).state_dict()
    other = build(name, depth, seed=1).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    for key, value in first.items():
        if value.dim() > 1 and value.any():
            assert not torch.equal(value, other[key]), key


@pytest.mark.parametrize("image_shape", [(1, 28, 28), (3, 32, 32), (1, 17, 23)])
@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_gets_a_finite_gradient(name, image_shape):
    """In float64, in which the smallest weights do not underflow.

    What a norm takes out again, the bias of a convolution before it, gets none.
    """
    grid = REGISTRY[name].grid
    depth = grid.start + (grid.step if name != "two_layer_fc" else 0)
    net = build(name, depth, image_shape=image_shape).train().double()
    source = torch.Generator().manual_seed(0)
    if name in START_AT_ZERO:
        move_weights(net)
    output = net(torch.randn(5, *image_shape, generator=source).double())
    heads = output if isinstance(output, tuple) else (output,)
    assert all(head.shape == (5, 10) for head in heads)
    sum(functional.cross_entropy(head, torch.arange(5)) for head in heads).backward()
    has_norm = any(isinstance(part, nn.BatchNorm2d) for part in net.modules())
    for key, weight in net.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), key
        owner = net.get_submodule(key.rpartition(".")[0])
        may_cancel = has_norm and isinstance(owner, nn.Conv2d) and key.endswith("bias")
        assert may_cancel or weight.grad.abs().max() > 0, key


@pytest.mark.parametrize("name", NAMES)
def test_the_order_in_memory_changes_nothing_but_rounding(name):
    item = REGISTRY[name]
    net = build(name, item.grid.start).train().double()
    images = torch.randn(3, *MNIST_SHAPE, generator=torch.Generator().manual_seed(0))
    usual = net(images.double())
    net.to(memory_format=torch.channels_last)
    other = net(images.double().contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(other, usual, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_modes_are_declared_where_there_is_a_layer_that_knows_them(name):
    net = build(name, REGISTRY[name].grid.start)
    has_norm = any(isinstance(part, nn.BatchNorm2d) for part in net.modules())
    assert REGISTRY[name].has_train_mode == has_norm


@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        ("normal_0.05", lambda c_in, c_out: 0.05),
        ("fan_in", lambda c_in, c_out: math.sqrt(1 / (9 * c_in))),
        ("fan_out", lambda c_in, c_out: math.sqrt(1 / (9 * c_out))),
    ],
)
def test_initialisers_have_the_deviation_they_state(init, deviation):
    """Pooled over 40 networks; the tolerance is five standard errors."""
    kernels: dict[tuple[int, int], list[torch.Tensor]] = {}
    for seed in range(40):
        net = build("elu", 6, seed, init=init)
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                channels = (module.in_channels, module.out_channels)
                kernels.setdefault(channels, []).append(module.weight.flatten())
                assert not module.bias.any()
            if isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.in_features)
                assert module.weight.abs().max() <= bound
                assert module.weight.abs().max() > 0.95 * bound
    for channels, values in kernels.items():
        pooled = torch.cat(values)
        tolerance = 5 / math.sqrt(2 * len(pooled))
        assert pooled.std().item() == pytest.approx(deviation(*channels), rel=tolerance)


def test_a_function_has_no_selectable_initialiser():
    item = replace(REGISTRY["elu"], description=None)
    with pytest.raises(ValueError, match="draws its weights itself"):
        item.with_initializer("fan_in")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "rleu"}, "activation = 'rleu': one of tanh, sigmoid"),
        ({"initializer": "he"}, "initializer = 'he': one of default, kaiming"),
        ({"name": "../etc"}, "letters, digits"),
        ({"lr": 0.0}, "lr = 0.0: a finite number above 0"),
    ],
)
def test_a_wrong_description_says_what_is_allowed(changes, message):
    with pytest.raises(ValueError, match=message):
        Stack(**{"name": "mine", "activation": "elu", **changes}).to_architecture()
