"""depthbench's kernels against the layers written by hand."""

import itertools
from dataclasses import replace

import pytest
import torch
from by_hand.batch_norm import Running
from by_hand.chain import (
    average_pool_layer,
    chain,
    convolution_layer,
    spatial_batch_norm_layer,
)
from by_hand.sandwich import conv_block
from by_hand.spatial_batch_norm import spatial_updated_unbiased
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_cases import (
    KERNELS,
    Case,
    compare_with,
    compared_with,
    distance_from_kinks,
    drawn,
    largest,
    results,
)
from torch import Tensor

from depthbench.kernels import reference
from depthbench.kernels.block import Block
from depthbench.kernels.compiled import missing

NORMS = ["none", "batch", "running"]
ACTIVATIONS = ["relu", "tanh", "elu"]
# Float32 may fall on the other side of a ReLU's kink than float64.
FROM_KINKS = 1e-5

needs_kernels = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def results_by_hand(
    images: Tensor, blocks: list[Block], pool: bool, grad_out: Tensor
) -> dict[str, Tensor]:
    """What `test_kernels.results` gives, from formulas, in float64."""
    first = signal = images.double()
    names, layers, found = ["signal"], [], {}
    for place, block in enumerate(blocks):
        conv = convolution_layer(block.weight.double(), block.bias.double(), padding=1)
        names += [f"weight {place}", f"bias {place}"]
        bn = None
        if (norm := block.norm) is not None:
            running = Running(norm.running_mean.double(), norm.running_var.double())
            fixed = None if norm.uses_batch else running
            bn = spatial_batch_norm_layer(
                norm.gamma.double(), norm.beta.double(), fixed, norm.eps
            )
            if norm.updates_running:
                running = spatial_updated_unbiased(
                    running, conv.forward(signal), norm.momentum
                )
            names += [f"gamma {place}", f"beta {place}"]
            found[f"running_mean {place}"] = running.mean
            found[f"running_var {place}"] = running.var
        layers.append(conv_block(conv, bn, block.activation, block.adds_input))
        signal = layers[-1].forward(signal)
    net = chain(*layers, *([average_pool_layer(2, 2)] if pool else []))
    gradients = net.backward(grad_out.double(), first)
    found["out"] = net.forward(first)
    return found | dict(zip(names, gradients, strict=True))


def case_of(norm: str, activation: str, skip: bool, pool: bool) -> Case:
    """Two kinds of channels; a seed that keeps clear of kinks."""
    case = Case(channels=(3, 4, 4), norm=norm, activation=activation, skip=skip)
    case = replace(case, num_images=5, height=6, width=5, pool=pool)
    seeds = (replace(case, seed=seed) for seed in itertools.count())
    return next(
        seeded
        for seeded in seeds
        if activation != "relu" or distance_from_kinks(seeded) > FROM_KINKS
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("pool", [False, True])
def test_the_reference_computes_the_formulas(
    norm: str, activation: str, skip: bool, pool: bool
) -> None:
    images, blocks, grad_out = drawn(case_of(norm, activation, skip, pool))
    right = results_by_hand(images, blocks, pool, grad_out)
    ours = results(reference.conv_blocks, images, blocks, pool, grad_out, torch.float64)
    assert ours.keys() == right.keys()
    for key, value in right.items():
        scale = max(largest(right[name]) for name in compared_with(key, right))
        assert largest(ours[key] - value) < 1e-12 * scale, key


def compare_by_hand(name: str, case: Case) -> None:
    """A kernel agrees with the formulas."""
    images, blocks, grad_out = drawn(case)
    straight = [replace(block, activation="identity") for block in blocks]
    exact, steep = (
        results_by_hand(images, run, case.pool, grad_out) for run in (blocks, straight)
    )
    compare_with(exact, steep, name, case)


@needs_kernels
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("skip", [False, True])
def test_fused_kernels_compute_the_formulas(
    name: str, norm: str, activation: str, skip: bool
) -> None:
    for pool in (False, True):
        compare_by_hand(name, case_of(norm, activation, skip, pool))


@pytest.mark.slow
@needs_kernels
@settings(deadline=None, max_examples=10)
@given(
    case=st.builds(
        Case,
        channels=st.lists(st.integers(1, 9), min_size=2, max_size=3).map(tuple),
        num_images=st.integers(1, 20),
        height=st.integers(2, 8),
        width=st.integers(2, 8),
        activation=st.sampled_from(ACTIVATIONS),
        norm=st.sampled_from(NORMS),
        skip=st.booleans(),
        pool=st.booleans(),
        seed=st.integers(0, 2**20),
    )
)
def test_any_shape_computes_the_formulas(case: Case) -> None:
    assume(case.activation != "relu" or distance_from_kinks(case) > FROM_KINKS)
    for name in KERNELS:
        compare_by_hand(name, case)
