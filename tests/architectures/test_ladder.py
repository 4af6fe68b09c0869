"""The ladder: first weights and factors as the papers state them, twins by formula."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import toy_data

from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.layers import tailored
from depthbench.architectures.layers.conv_stack import _GAIN
from depthbench.architectures.layers.vit import Attention, Mlp
from depthbench.architectures.vit import RESIDUALS
from depthbench.spec import TrialSpec
from depthbench.trial.network import bare_network, build_network

VITS = [f"vit_{name}" for name in RESIDUALS]


def build(name, depth, seed=0):
    return bare_network(
        ARCHITECTURES[name],
        depth,
        image_shape=(1, 28, 28),
        num_classes=10,
        entropy=(seed,),
    )


def images(num=4):
    return torch.randn(num, 1, 28, 28, generator=torch.Generator().manual_seed(5))


# First weights.


def test_fixups_first_loss_is_that_of_ten_equal_classes():
    for depth in (9, 63):
        logits = build("resnet_fixup", depth)(images())
        loss = torch.nn.functional.cross_entropy(logits.double(), torch.arange(4))
        assert loss.item() == math.log(10)


@pytest.mark.parametrize("depth", [9, 27])
def test_fixups_first_convolutions_have_he_s_deviation_over_the_root_of_l(depth):
    num_blocks = (depth - 3) // 2
    weights = [
        layer.weight.flatten() * math.sqrt(9 * layer.weight.shape[0] / 2)
        for seed in range(20)
        for key, layer in build("resnet_fixup", depth, seed).named_modules()
        if key.endswith("first")
    ]
    assert len(weights) == 20 * num_blocks
    pooled = torch.cat(weights)
    expected = num_blocks**-0.5
    assert pooled.std().item() == pytest.approx(
        expected, rel=5 / math.sqrt(2 * len(pooled))
    )


def test_only_the_centre_of_a_delta_orthogonal_kernel_is_not_zero():
    for block in build("tanh_delta_orthogonal", 9).blocks():
        weight = block.conv.weight.detach().clone()
        values = torch.linalg.svdvals(weight[:, :, 1, 1].double())
        torch.testing.assert_close(values, torch.ones_like(values), rtol=0, atol=1e-5)
        weight[:, :, 1, 1] = 0
        assert not weight.any()


def test_orthogonal_kernels_are_so_as_matrices():
    for block in build("tanh_orthogonal", 9).blocks():
        values = torch.linalg.svdvals(block.conv.weight.detach().flatten(1).double())
        torch.testing.assert_close(values, torch.ones_like(values), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_orthogonal_matrices_prefer_no_direction():
    """The mean over seeds of each entry is 0: QR alone would fix signs."""
    drawn = [next(build("tanh_orthogonal", 3, s).blocks()) for s in range(200)]
    mean = torch.stack([block.conv.weight.detach() for block in drawn]).mean(0)
    assert mean.abs().max() < 5 / 3 / math.sqrt(200)


def test_unit_variance_is_reached_on_a_batch_of_training_images():
    data = toy_data()
    spec = TrialSpec(
        architecture="elu_lsuv", depth=12, data="toy", seed=0, lr=0.05, batch_size=32
    )
    seen = []

    def given(depth, *, images, **more):
        seen.append(images)
        return ARCHITECTURES["elu_lsuv"].build(depth, images=images, **more)

    net = build_network(replace(ARCHITECTURES["elu_lsuv"], build=given), spec, data)
    pixels = data.train_images[:32].float() / 255
    mean, std = torch.tensor(data.mean), torch.tensor(data.std)
    torch.testing.assert_close(seen[0], (pixels - mean) / std)
    signal = seen[0]
    for stage in net.stages:
        for block in stage:
            conv = block.conv
            out = torch.nn.functional.conv2d(signal, conv.weight, conv.bias, padding=1)
            assert abs(out.std().item() - 1) < 0.101
            signal = torch.nn.functional.elu(out)
        signal = torch.nn.functional.avg_pool2d(signal, 2)


def test_tailored_slopes_take_the_chain_to_their_correlation():
    for depth in (30, 384):
        above, below = tailored.slopes(depth)
        assert above**2 + below**2 == pytest.approx(2)
        correlation = tailored.chain_correlation(depth, below / above)
        assert correlation == pytest.approx(0.9, abs=1e-9)
    assert tailored.slopes(3)[1] == 0


@pytest.mark.slow
def test_gains_are_those_of_normal_inputs():
    z, weights = np.polynomial.legendre.leggauss(4000)
    z, weights = 10 * z, 10 * weights * np.exp(-50 * z**2) / math.sqrt(2 * math.pi)
    functions = {
        "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        "relu": lambda z: np.maximum(z, 0),
        "tanh": np.tanh,
    }
    for name, gain in _GAIN.items():
        value = functions[name](z)
        variance = weights @ value**2 - (weights @ value) ** 2
        assert gain == pytest.approx(variance**-0.5, rel=1e-5)


def test_gates_and_gammas_start_where_they_should():
    gates = [block.gate for block in build("highway", 6).blocks() if block.gate]
    assert len(gates) == 3 and all((gate.bias == -2).all() for gate in gates)
    norms = [block.norm for block in build("tanh_bn_gamma01", 6).blocks()]
    assert all((norm.weight == 0.1).all() for norm in norms)


# Transformers.


@pytest.mark.parametrize("num_blocks", [2, 8, 64])
def test_deepnorms_factors_are_the_papers(num_blocks):
    deepnorm = RESIDUALS["deepnorm"]
    assert deepnorm.skip(num_blocks) == pytest.approx((2 * num_blocks) ** (1 / 4))
    assert deepnorm.weights(num_blocks) == pytest.approx((8 * num_blocks) ** (-1 / 4))
    nets = build("vit_post_ln", num_blocks), build("vit_deepnorm", num_blocks)
    plain, scaled = (dict(net.named_parameters()) for net in nets)
    for key, weight in plain.items():
        is_scaled = key.endswith(
            ("value.weight", "out.weight", "fc1.weight", "fc2.weight")
        )
        factor = deepnorm.weights(num_blocks) if is_scaled else 1
        torch.testing.assert_close(scaled[key], weight * factor)


def test_all_transformers_of_a_seed_draw_the_same_weights():
    drawn = [
        torch.cat([weight.flatten() for weight in drawn_weights(build(name, 4))])
        for name in VITS
        if name != "vit_deepnorm"
    ]
    assert all(torch.equal(drawn[0], other) for other in drawn[1:])
    attention = next(m for m in build(VITS[0], 2).modules() if isinstance(m, Attention))
    assert not torch.equal(attention.query.weight, attention.key.weight)


def drawn_weights(net):
    yield net.positions.detach()
    for part in net.modules():
        if isinstance(part, torch.nn.Linear):
            yield part.weight.detach()


@pytest.mark.parametrize("name", VITS)
def test_a_transformer_equals_its_formulas(name):
    """Logits and gradients in float64, in matrices written out."""
    net = build(name, 2).double()
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=source))
    pixels = images().double()
    logits = net(pixels)
    logits.square().sum().backward()
    gradients = [weight.grad.clone() for weight in net.parameters()]
    net.zero_grad()
    again = by_formulas(name, net, pixels)
    torch.testing.assert_close(again, logits)
    again.square().sum().backward()
    for weight, right in zip(net.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight.grad, right)


def by_formulas(name, net, pixels):
    patches = torch.stack(
        [
            pixels[:, 0, 7 * row : 7 * row + 7, 7 * column : 7 * column + 7].flatten(1)
            for row in range(4)
            for column in range(4)
        ],
        dim=1,
    )
    x = patches @ net.patches.weight.T + net.patches.bias + net.positions
    depth = len(net.blocks)
    skip = {"vit_deepnorm": (2 * depth) ** 0.25, "vit_keel": 2 * depth}.get(name, 1)
    for number, block in enumerate(net.blocks):
        for place, branch in enumerate(block.branches):
            is_plain = name == "vit_keel" and number == place == 0
            factor = {"vit_rezero": block.factor, "vit_sqrt": (2 * depth) ** -0.5}
            reads_norm = name in ("vit_pre_ln", "vit_keel")
            read = layer_norm(x, block.before[place]) if reads_norm else x
            out = attended(read, branch) if place == 0 else mlp(read, branch)
            x = (1 if is_plain else skip) * x + factor.get(name, 1) * out
            if name in ("vit_post_ln", "vit_deepnorm", "vit_keel") and not is_plain:
                x = layer_norm(x, block.after[place])
    if name == "vit_pre_ln":
        x = layer_norm(x, net.norm)
    return x.sum(1) / 16 @ net.head.weight.T + net.head.bias


def layer_norm(x, norm):
    centred = x - x.sum(2, keepdim=True) / 32
    variance = (centred**2).sum(2, keepdim=True) / 32
    return centred / (variance + 1e-5).sqrt() * norm.weight + norm.bias


def attended(x, branch):
    assert isinstance(branch, Attention)
    query, key, value = (
        x @ layer.weight.T + (0 if layer.bias is None else layer.bias)
        for layer in (branch.query, branch.key, branch.value)
    )
    heads = []
    for at in range(0, 32, 8):
        part = slice(at, at + 8)
        scores = torch.einsum("nid,njd->nij", query[..., part], key[..., part])
        share = (scores / 8**0.5).exp()
        share = share / share.sum(2, keepdim=True)
        heads.append(torch.einsum("nij,njd->nid", share, value[..., part]))
    return torch.cat(heads, 2) @ branch.out.weight.T + branch.out.bias


def mlp(x, branch):
    assert isinstance(branch, Mlp)
    inner = x @ branch.fc1.weight.T + branch.fc1.bias
    inner = inner * (1 + torch.erf(inner / 2**0.5)) / 2
    return inner @ branch.fc2.weight.T + branch.fc2.bias


# The other two.


def test_fixup_equals_its_formula():
    net = build("resnet_fixup", 9).double()
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=source))
    pixels = images().double()
    x = pixels
    for widening, block in net.stages:
        x = (conv(x, widening.conv) + widening.bias).relu()
        a, b, c, d = block.biases
        inner = (conv(x + a, block.first) + b).relu()
        x = (x + block.scale * conv(inner + c, block.second) + d).relu()
        rows, columns = (2 * (n // 2) for n in x.shape[2:])
        x = x[:, :, :rows, :columns]
        x = (x[:, :, ::2] + x[:, :, 1::2]) / 2
        x = (x[..., ::2] + x[..., 1::2]) / 2
    right = (x.flatten(1) + net.bias) @ net.head.weight.T + net.head.bias
    torch.testing.assert_close(net(pixels), right)


def conv(x, layer):
    """As a matrix product over windows."""
    windows = torch.nn.functional.unfold(x, 3, padding=1)
    out = layer.weight.flatten(1) @ windows
    return out.unflatten(2, x.shape[2:])


def test_a_residual_mlp_equals_its_formula():
    net = build("residual_mlp", 8).double()
    assert all(not p.any() for key, p in net.named_parameters() if key.endswith("bias"))
    pixels = images().double()
    linear = [part for part in net.modules() if isinstance(part, torch.nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [
        (64, 784),
        *[(64, 64)] * 8,
        (10, 64),
    ]
    x, kept = pixels.flatten(1), None
    for number, layer in enumerate(linear[:-1]):
        assert layer.weight.abs().max() <= layer.in_features**-0.5
        x = x @ layer.weight.T
        x = x - x.mean(1, keepdim=True)
        x = x / ((x**2).mean(1, keepdim=True) + 1e-5).sqrt()
        x = x / (1 + (-x).exp())
        if number % 4 == 0:
            x = x if kept is None else x + kept
            kept = x
    torch.testing.assert_close(net(pixels), x @ linear[-1].weight.T)
