"""The closed form: against quadrature, random draws and wide networks."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from depthbench.architectures.stack import Stack
from depthbench.forecasting.activations import (
    ACTIVATIONS,
    Moments,
    gaussian_nodes,
)
from depthbench.forecasting.batch_norm import norm_excess
from depthbench.forecasting.maps import (
    Signal,
    activated,
    convolved,
    image_signal,
    offsets_within,
    pooled,
    window_sum,
)
from depthbench.forecasting.stack_theory import stack_theory
from depthbench.kernels import reference
from depthbench.runtime import generator
from depthbench.training.blocks import run_by_blocks


def test_the_closed_form_needs_no_torch():
    code = (
        "import sys, depthbench.forecasting.stack_theory; print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, stdout=-1, text=True)
    assert ran.stdout == "False\n"


GRID = np.linspace(-12, 12, 2401)


def normal(z):
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def by_trapezoids(function, variance):
    return np.trapezoid(function(math.sqrt(variance) * GRID) * normal(GRID), GRID)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("variance", [1e-4, 0.3, 1.0, 20.0])
def test_moments_are_those_of_a_fine_sum(name, variance):
    value, slope = ACTIVATIONS[name]
    moments, at = Moments.of(name), np.array([variance])
    # A kink between two points of the grid costs the sum a thousandth of a percent.
    second = by_trapezoids(lambda z: value(z) ** 2, variance)
    assert moments.second(at)[0] == pytest.approx(second, rel=2e-3)
    assert moments.slope(at)[0] == pytest.approx(
        by_trapezoids(lambda z: slope(z) ** 2, variance), rel=1e-2
    )
    mean = by_trapezoids(value, variance)
    assert moments.coefficients(at)[0, 0] == pytest.approx(mean, rel=1e-2, abs=1e-5)


def test_beyond_the_table_moments_go_on_as_powers():
    at = np.array([3e5, 1e7])
    tanh, elu = Moments.of("tanh"), Moments.of("elu")
    assert tanh.second(at) == pytest.approx(1, rel=0.1)
    # The integral of sech^4 is 4/3, and the density at 0 is 1/sqrt(2 pi).
    assert tanh.slope(at) == pytest.approx(4 / 3 / np.sqrt(2 * np.pi * at), rel=0.15)
    assert elu.second(at) == pytest.approx(at / 2, rel=2e-2)
    assert elu.slope(at) == pytest.approx(0.5, rel=2e-2)
    assert elu.second(np.zeros(1)) == 0


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_the_derivatives_of_the_values(name):
    value, slope = ACTIVATIONS[name]
    z = np.array([-3.1, -0.7, -0.2, 0.4, 1.3, 2.9])
    difference = (value(z + 1e-6) - value(z - 1e-6)) / 2e-6
    assert slope(z) == pytest.approx(difference, rel=1e-6)
    torch_value = reference.ACTIVATIONS[name](torch.tensor(z))
    assert value(z) == pytest.approx(torch_value.numpy(), abs=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_products_of_correlated_activations_follow_the_hermite_series(name):
    value, _ = ACTIVATIONS[name]
    first, second, correlation = 0.5, 2.0, 0.8
    nodes, weights = gaussian_nodes()
    u = math.sqrt(first) * nodes[:, None]
    mixed = correlation * nodes[:, None] + math.sqrt(1 - correlation**2) * nodes
    expected = weights @ (value(u) * value(math.sqrt(second) * mixed)) @ weights
    pair = correlation * math.sqrt(first * second)
    variances = np.array([[[first, second]]])
    sums = Signal(
        np.stack([variances, np.array([[[pair, 0.0]]])]),
        ((0, 0), (0, 1)),
        np.zeros((1, 1, 1, 2)),
    )
    found = activated(sums, Moments.of(name), "zeros").pairs[1, 0, 0, 0]
    assert found == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize(("side", "kept"), [(28, 0.992), (14, 0.971), (7, 0.901)])
def test_zero_padding_loses_what_its_eigenvalue_says(side, kept):
    """Averages of three along a line have the eigenvectors sin(pi x / (side + 1))."""
    loss = ((1 + 2 * math.cos(math.pi / (side + 1))) / 3) ** 2
    maps = np.ones((side, side))
    for _ in range(side**2 // 2):
        last, maps = maps, window_sum(maps, "zeros") / 9
    assert maps.sum() / last.sum() == pytest.approx(loss, rel=1e-4)
    assert loss == pytest.approx(kept, abs=1e-3)
    assert window_sum(np.ones((side, side)), "circular").min() == 9


def test_covariances_are_those_of_a_wide_random_layer():
    draws = np.random.default_rng(0)
    images = draws.normal(size=(2, 1, 6, 6)) + draws.normal(size=(2, 1, 1, 1))
    weight = torch.tensor(draws.normal(size=(20_000, 1, 3, 3)) * 0.3)
    wide = torch.tanh(functional.conv2d(torch.tensor(images), weight, padding=1))
    wide = functional.avg_pool2d(wide, 2).numpy()
    sums = convolved(image_signal(images, 3, "zeros"), 0.09, "zeros")
    found = pooled(activated(sums, Moments.of("tanh"), "zeros"), 1, "zeros")
    assert found.variance == pytest.approx((wide**2).mean(1), rel=0.06)
    for pair, (dy, dx) in zip(found.pairs, offsets_within(1), strict=True):
        if dx < 0:
            continue
        there = (wide[:, :, dy:, dx:] * wide[:, :, : 3 - dy, : 3 - dx]).mean(1)
        inside = pair[:, : 3 - dy, : 3 - dx]
        assert inside == pytest.approx(there, rel=0.1, abs=0.005)


def test_narrow_sums_pass_on_more_gradient_than_their_mean_variance_says():
    draws = np.random.default_rng(0)
    root = draws.normal(size=(9, 3)) + 0.3 * draws.normal(size=(9, 1))
    covariance = root @ root.T + 0.05 * np.eye(9)
    both = np.kron(np.eye(2), covariance)
    weights = draws.normal(size=(200_000, 18))
    variance = np.einsum("ni,ij,nj->n", weights, both, weights)
    drawn = (weights**2).sum(1) / variance
    expected = drawn.mean() * np.trace(both) / 18
    assert norm_excess(covariance, 2) == pytest.approx(expected, rel=0.02)
    assert norm_excess(covariance, 2) > 1.1
    assert norm_excess(np.eye(9), 4) == pytest.approx(1)
    assert norm_excess(covariance, 4000) == pytest.approx(1, abs=2e-3)


WIDE = Stack(name="wide", activation="tanh", channels=(48, 64), initializer="fan_in")
KINDS = {
    "tanh": WIDE,
    "elu": replace(WIDE, activation="elu"),
    "relu, fan_out": replace(WIDE, activation="relu", initializer="fan_out"),
    "BN, tanh": replace(WIDE, batch_norm=True),
    "BN, gelu": replace(WIDE, batch_norm=True, activation="gelu"),
    "elu + x": replace(WIDE, activation="elu", skip=True),
    "BN, elu + x": replace(WIDE, activation="elu", skip=True, batch_norm=True),
}


def measured(stack, depth, images, blocks=reference.conv_blocks):
    """Squared gradients at the blocks, relative to the last; second moments."""
    found, moments = [], []
    for seed in range(3):
        net = stack.build(
            depth,
            image_shape=images.shape[1:],
            num_classes=10,
            generator=generator(seed, "theory"),
        )
        net.conv_blocks = blocks
        run = run_by_blocks(net, images.float())
        labels = torch.arange(len(images)) % 10
        loss = functional.cross_entropy(run.heads[-1], labels)
        signals = [block.signal for block in run.blocks]
        grads = torch.autograd.grad(loss, signals)
        squares = torch.stack([g.double().square().sum() for g in grads])
        found.append((squares / squares[-1]).numpy())
        moments.append([s.double().square().mean().item() for s in signals])
    return np.mean(found, axis=0), np.mean(moments, axis=0)


@pytest.mark.parametrize("kind", KINDS)
def test_wide_networks_do_as_the_theory_says(kind):
    images = np.random.default_rng(1).normal(size=(24, 1, 12, 12))
    theory = stack_theory(KINDS[kind], 8, images)
    gradient, moments = measured(KINDS[kind], 8, torch.tensor(images))
    # Of the first layer's sums, over nine pixels of one channel, few are Gaussian.
    assert theory.gradient[1:] == pytest.approx(gradient[1:], rel=0.25)
    assert theory.nats == pytest.approx(math.log(gradient[0]), abs=0.35)
    assert theory.second_moment == pytest.approx(moments, rel=0.2)


def circular(signal, blocks, pool):
    for block in blocks:
        around = functional.pad(signal, (1, 1, 1, 1), mode="circular")
        signal = torch.tanh(functional.conv2d(around, block.weight, block.bias))
    return functional.avg_pool2d(signal, 2) if pool else signal


def test_without_a_border_nothing_is_lost_there():
    images = 0.01 * np.random.default_rng(1).normal(size=(8, 1, 12, 12))
    stack = replace(WIDE, channels=(48, 48))
    nats = {
        p: stack_theory(stack, 12, images, padding=p).nats
        for p in ("zeros", "circular")
    }
    # Small signals see a tanh as linear: what is left is one pool, of ln 4.
    assert nats["circular"] == pytest.approx(-math.log(4), abs=0.01)
    assert nats["zeros"] < nats["circular"] - 1
    for padding, blocks in (("circular", circular), ("zeros", reference.conv_blocks)):
        gradient, _ = measured(stack, 12, torch.tensor(images), blocks)
        assert math.log(gradient[0]) == pytest.approx(nats[padding], abs=0.25)
