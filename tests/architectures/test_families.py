"""The families of CIFAR-10: their axes, sizes and initial weights."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from depthbench import DeepConvNet, runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.layers.preresnet import GlobalAveragePool
from depthbench.architectures.stack import stack_of
from depthbench.spec import TrialSpec
from depthbench.trial.network import memory_format

COLOUR = (3, 32, 32)


def build(item, depth, image_shape=COLOUR, seed=0, num_classes=10):
    return item.build(
        depth,
        image_shape=image_shape,
        num_classes=num_classes,
        generator=runtime.generator(seed, "weights"),
    )


# Axes: start, step and learning rate of each.

AXES = {
    "resnet_fixup": (9, 6, 0.05),
    "vit_post_ln": (2, 2, 1e-3),
    "vit_pre_ln": (2, 2, 1e-3),
    "vit_deepnorm": (2, 2, 1e-3),
    "vit_keel": (2, 2, 1e-3),
    "vit_rezero": (2, 2, 1e-3),
    "vit_sqrt": (2, 2, 1e-3),
    "residual_mlp": (4, 4, 0.05),
    "preresnet_plain": (8, 6, 0.01),
    "preresnet": (8, 6, 0.01),
    "preresnet_bottleneck": (11, 9, 0.01),
    "residual_cnn": (1, 1, 0.01),
    "residual_cnn_bn": (1, 1, 0.01),
    "deep_convnet": (4, 3, 2e-3),
    "deep_convnet_1e-1": (4, 3, 2e-3),
    "deep_convnet_1e-2": (4, 3, 2e-3),
    "deep_convnet_1e-3": (4, 3, 2e-3),
    "deep_convnet_3": (4, 3, 1e-2),
    "deep_convnet_4": (5, 4, 1e-3),
    "deep_convnet_5": (6, 5, 1e-3),
    "deep_convnet_5_bn": (6, 5, 1e-3),
    "deep_convnet_6_bn": (7, 6, 1e-2),
    "deep_convnet_wide_bn": (4, 3, 1e-3),
    "fc_64": (1, 1, 0.05),
    "two_layer_fc": (2, 1, 0.01),
    "three_layer_convnet": (3, 1, 3e-3),
    "convnet_7x7": (3, 1, 2e-3),
    "convnet_7x7_500": (3, 1, 2e-3),
}


# What is drawn by a rule is scaled, or its biases set to 0, afterwards.
AFTER_THE_RULE = {"resnet_fixup", "vit_deepnorm", "residual_mlp"}


def test_every_family_has_the_axis_its_studies_count_on():
    axes = {
        name: (item.grid.start, item.grid.step, item.lr)
        for name, item in ARCHITECTURES.entries.items()
        if not stack_of(item)
    }
    assert axes == AXES


@pytest.mark.parametrize(
    ("name", "depth", "num_weight_layers"),
    [
        ("preresnet_plain", 32, 32),
        ("preresnet", 32, 32),
        ("preresnet_bottleneck", 47, 47),
        ("residual_cnn", 10, 25),
        ("deep_convnet", 31, 31),
        ("deep_convnet_5_bn", 6, 6),
        ("deep_convnet_6_bn", 7, 7),
        ("deep_convnet_wide_bn", 7, 7),
    ],
)
def test_the_notebooks_depths_exist(name, depth, num_weight_layers):
    item = ARCHITECTURES[name]
    assert item.grid.contains(depth)
    assert item.num_weight_layers(depth) == num_weight_layers


# Sizes: parameters counted by formulas of their own.


def conv_size(c_in, c_out, window):
    return c_out * (c_in * window**2 + 1)


def plain_size(c_in, c_out):
    norms = 2 * c_in + 2 * c_out
    return norms + conv_size(c_in, c_out, 3) + conv_size(c_out, c_out, 3)


def bottleneck_size(c_in, c_out):
    c = c_out // 4
    convs = conv_size(c_in, c, 1) + conv_size(c, c, 3) + conv_size(c, c_out, 1)
    return 2 * c_in + 4 * c + convs


def preresnet_size(n, block_size, stages, has_shortcuts):
    total = conv_size(3, stages[0], 3)
    for c_in, c_out in pairwise((stages[0], *stages)):
        total += block_size(c_in, c_out) + (n - 1) * block_size(c_out, c_out)
        total += conv_size(c_in, c_out, 1) if has_shortcuts and c_in != c_out else 0
    return total + 10 * (stages[-1] + 1)


def residual_cnn_size(n, has_norm):
    block = 2 * conv_size(8, 8, 3) + (2 * 2 * 8 if has_norm else 0)
    outside = conv_size(3, 8, 5) + conv_size(8, 8, 5) + conv_size(8, 4, 3)
    return outside + n * block + 101 * 100 + 1000


SIZES = [
    ("preresnet_plain", 32, preresnet_size(5, plain_size, (8, 16, 32), False)),
    ("preresnet", 32, preresnet_size(5, plain_size, (8, 16, 32), True)),
    (
        "preresnet_bottleneck",
        47,
        preresnet_size(5, bottleneck_size, (32, 64, 128), True),
    ),
    ("residual_cnn", 10, residual_cnn_size(10, False)),
    ("residual_cnn_bn", 10, residual_cnn_size(10, True)),
    (
        "deep_convnet",
        31,
        conv_size(3, 8, 3)
        + 9 * conv_size(8, 8, 3)
        + conv_size(8, 32, 3)
        + 9 * conv_size(32, 32, 3)
        + conv_size(32, 128, 3)
        + 9 * conv_size(128, 128, 3)
        + 10 * (128 * 8 * 8 + 1),
    ),
    (
        "deep_convnet_5_bn",
        6,
        sum(
            conv_size(c_in, c_out, 3) + 2 * c_out
            for c_in, c_out in pairwise((3, 16, 32, 32, 64, 64))
        )
        + 10 * 65,
    ),
    ("two_layer_fc", 2, 4000 * 3073 + 10 * 4001),
    ("two_layer_fc", 3, 4000 * 3073 + 4000 * 4001 + 10 * 4001),
    (
        "three_layer_convnet",
        4,
        conv_size(3, 32, 5)
        + conv_size(32, 16, 3)
        + conv_size(16, 16, 3)
        + 10 * (16 * 32 * 32 + 1),
    ),
    (
        "convnet_7x7",
        4,
        conv_size(3, 32, 7) + 100 * (32 * 16 * 16 + 1) + 100 * 101 + 10 * 101,
    ),
]


@pytest.mark.parametrize(("name", "depth", "expected"), SIZES)
def test_parameter_counts(name, depth, expected):
    with torch.device("meta"):
        net = build(ARCHITECTURES[name], depth)
    assert sum(weight.numel() for weight in net.parameters()) == expected


def test_the_notebooks_deep_convnet_has_its_widths_and_pools():
    item = ARCHITECTURES["deep_convnet"]
    with torch.device("meta"):
        kinds = [type(layer) for layer in build(item, 31)]
        widths = [
            layer.out_channels
            for layer in build(item, 31)
            if isinstance(layer, nn.Conv2d)
        ]
    assert widths == [8] * 10 + [32] * 10 + [128] * 10
    stage = [nn.Conv2d, nn.ReLU] * 10
    pool = [nn.MaxPool2d]
    assert kinds == stage + pool + stage + pool + stage + [nn.Flatten, nn.Linear]


@pytest.mark.parametrize("side", [28, 32])
def test_nothing_is_normed_after_the_last_block(side):
    """Last of all come the mean over pixels and the linear layer."""
    with torch.device("meta"):
        net = build(ARCHITECTURES["preresnet_plain"], 14, (1, side, side))
        features = net[:-2](torch.randn(2, 1, side, side, device="meta"))
    assert isinstance(net[-2], GlobalAveragePool)
    assert isinstance(net[-3][-1], nn.Conv2d)
    assert features.shape == (2, 32, side // 4, side // 4)


@pytest.mark.parametrize(("name", "side"), [("residual_cnn", 13), ("convnet_7x7", 2)])
def test_an_image_too_small_is_refused_with_what_is_needed(name, side):
    item = ARCHITECTURES[name]
    net = build(item, item.grid.start, (1, side, side))
    assert net(torch.zeros(2, 1, side, side)).shape == (2, 10)
    with pytest.raises(ValueError, match=f"at least {side}x{side} are needed"):
        build(item, item.grid.start, (1, side + 5, side - 1))


def test_a_pool_takes_the_border_and_never_the_last_pixel():
    item = ARCHITECTURES["deep_convnet_5"]
    for side in (1, 2, 7, 28, 31, 33):
        assert build(item, 6, (1, side, side))(torch.zeros(2, 1, side, side)).numel()
    last = build(item, 6, (1, 28, 28))[-1]
    assert last.in_features == 64
    assert build(item, 6, (3, 32, 32))[-1].in_features == 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": ()}, "widths = "),
        ({"widths": (8, 0)}, "widths = "),
        ({"pools": (0, 1)}, "pools = .*: .* counted from 1, so from 1 to 2"),
        ({"pools": (3,)}, "pools = .*: .* counted from 1, so from 1 to 2"),
        ({"pools": (1, 1)}, "pools = .*: each at most once"),
        ({"initializer": "normal_0"}, "x: initializer = 'normal_0': one of default"),
        ({"initializer": "normal_nan"}, "or normal_SIGMA, as normal_0.05"),
        ({"initializer": "he"}, "initializer = 'he': one of default, kaiming"),
    ],
)
def test_a_wrong_description_says_what_is_allowed(changes, message):
    with pytest.raises(ValueError, match=message):
        DeepConvNet(**{"name": "x", "widths": (8, 8), "pools": (1,), **changes})


def test_pools_move_with_the_convolutions_they_follow():
    """Twice as deep, each convolution stands twice, and its pool after both."""
    net = DeepConvNet(name="x", widths=(4, 6, 8), pools=(1, 3)).to_architecture()
    with torch.device("meta"):
        nets = {depth: build(net, depth) for depth in (4, 7)}
    letters = {nn.Conv2d: "c", nn.MaxPool2d: "p"}
    order = {
        depth: "".join(letters.get(type(layer), "") for layer in each)
        for depth, each in nets.items()
    }
    assert order == {4: "cpccp", 7: "ccpccccp"}
    with pytest.raises(ValueError, match="not on the depth grid 4, 7, 10"):
        net.grid.check(5)


# Initial weights.


def fan_in(layer):
    return layer.weight.numel() // layer.weight.shape[0]


DEVIATIONS = {
    "deep_convnet": lambda layer: math.sqrt(
        (2 if isinstance(layer, nn.Conv2d) else 1) / fan_in(layer)
    ),
    "deep_convnet_1e-1": lambda layer: 0.1,
    "deep_convnet_1e-3": lambda layer: 0.001,
    "deep_convnet_5_bn": lambda layer: math.sqrt(
        (2 if isinstance(layer, nn.Conv2d) else 1) / fan_in(layer)
    ),
    "two_layer_fc": lambda layer: math.sqrt(2 / fan_in(layer)),
    "three_layer_convnet": lambda layer: math.sqrt(2 / fan_in(layer)),
    "convnet_7x7": lambda layer: 1e-3,
    "convnet_7x7_500": lambda layer: 1e-3,
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_normal_weights_have_the_deviation_they_state(name):
    """Of every layer; the tolerance is six standard errors."""
    item = ARCHITECTURES[name]
    for layer in build(item, item.grid.start).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert layer.bias is None or not layer.bias.any()
            tolerance = 6 / math.sqrt(2 * layer.weight.numel())
            expected = DEVIATIONS[name](layer)
            assert layer.weight.std().item() == pytest.approx(expected, rel=tolerance)
            assert layer.weight.abs().max() > 2 * expected


@pytest.mark.parametrize("name", sorted(set(AXES) - AFTER_THE_RULE))
def test_default_weights_fill_their_bounds(name):
    item = ARCHITECTURES[name].with_initializer("default")
    for layer in build(item, item.grid.start).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(fan_in(layer))
            # The largest of n values lies below 0.8 of the bound once in 0.9^-n.
            least = (0.9 if layer.weight.numel() > 200 else 0.7) * bound
            assert least < layer.weight.max() <= bound
            assert least < -layer.weight.min() <= bound
            assert layer.bias is None or layer.bias.abs().max() <= bound
            assert layer.bias is None or layer.bias.any()


@pytest.mark.parametrize("name", sorted(AXES))
@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        ("kaiming", lambda fan_in, _: math.sqrt(2 / fan_in)),
        ("fan_in", lambda fan_in, _: math.sqrt(1 / fan_in)),
        ("fan_out", lambda _, fan_out: math.sqrt(1 / fan_out)),
        ("normal_2e-2", lambda *_: 0.02),
    ],
)
def test_every_family_can_have_every_rule(name, init, deviation):
    """Of the first layer; the tolerance is six standard errors."""
    item = ARCHITECTURES[name].with_initializer(init)
    assert f"init {item.initializer}" in item.summary
    layer = next(
        part
        for part in build(item, item.grid.start).modules()
        if isinstance(part, nn.Conv2d | nn.Linear)
    )
    fans = fan_in(layer), layer.weight[:, 0].numel()
    tolerance = 6 / math.sqrt(2 * layer.weight.numel())
    assert layer.weight.std().item() == pytest.approx(deviation(*fans), rel=tolerance)
    assert layer.bias is None or not layer.bias.any()


def test_a_rule_has_one_spelling():
    """So that one training has one identity."""
    own = ARCHITECTURES["deep_convnet"]
    assert own.with_initializer("normal_1e-1").initializer == "normal_0.1"
    assert own.with_initializer("kaiming") is own


# The order of dimensions in memory.


def test_the_faster_order_is_for_those_it_helps_on_a_cpu():
    spec = TrialSpec(architecture="x", depth=8, data="toy", seed=0, lr=0.1)
    last = {
        name
        for name, item in ARCHITECTURES.entries.items()
        if memory_format(item, spec) is torch.channels_last
    }
    usual = {"two_layer_fc", "three_layer_convnet", "convnet_7x7", "convnet_7x7_500"}
    usual |= {"fc_64", "residual_mlp"}
    usual |= {name for name in ARCHITECTURES if name.startswith("vit_")}
    assert last == set(ARCHITECTURES) - usual
    for changes in ({"device": "cuda"}, {"kernels": "fused"}):
        order = memory_format(ARCHITECTURES["elu"], replace(spec, **changes))
        assert order is torch.contiguous_format
