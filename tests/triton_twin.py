"""The Triton twin against the reference; `test_kernels_triton.py` runs this file.

In a process of its own, since Triton reads TRITON_INTERPRET when it is imported: with
the variable set, on the CPU through Triton's interpreter; without, on a GPU. Memory is
NaN until it is written, so an element that no program writes shows.
"""

import itertools
import random
from dataclasses import replace

import pytest
import torch
from triton_cases import (
    DEVICE,
    assert_close,
    assert_equal_bits,
    assert_twins_agree,
    draw_block,
    draw_blocks,
    draw_images,
    generator,
    mapped,
    outcome,
)

from depthbench.kernels import reference
from depthbench.kernels.cuda import backward, conv_blocks, extent, forward

ACTIVATIONS = ["tanh", "elu", "relu", "identity"]

# The interpreter's numpy warns of the infinities that these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture(autouse=True)
def poisoned_memory():
    """torch.empty gives NaN."""
    assert torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    assert torch.ones(()).new_empty(4).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def runs_of_all_kinds():
    """Every kind of block once, in eight runs of three, so that kinds meet too."""
    kinds = list(itertools.product(ACTIVATIONS, [None, "batch", "running"], [0, 1]))
    random.Random(0).shuffle(kinds)
    return [kinds[start : start + 3] for start in range(0, len(kinds), 3)]


@pytest.mark.parametrize("kinds", runs_of_all_kinds(), ids=str)
def test_every_kind_of_block(kinds):
    """Pooled at odd sizes."""
    pairs = enumerate(zip([(2, 3), (3, 3), (3, 3)], kinds, strict=True))
    blocks = [draw_block(pair, *kind, seed=seed) for seed, (pair, kind) in pairs]
    blocks = [replace(block, adds_input=False) for block in blocks[:1]] + blocks[1:]
    assert_twins_agree(draw_images(3, 2, 5, 7), blocks, pool=True)


@pytest.mark.parametrize(
    ("channels", "shape"),
    [
        ((1, 17), (1, 3, 1)),
        ((17, 1), (2, 1, 30)),
        ((3, 6), (2, 7, 7)),
        ((3, 2), (257, 1, 2)),
        ((1, 2), (1, 30, 30)),
    ],
    ids=str,
)
def test_every_shape(channels, shape):
    images, height, width = shape
    signal = draw_images(images, channels[0], height, width)
    blocks = [draw_block(channels, "elu", "batch", True)]
    assert_twins_agree(signal, blocks, pool=False)


@pytest.mark.parametrize("tile", [256, 512])
def test_many_tiles(tile, monkeypatch):
    """What a batch of full size needs, at a size that the interpreter can bear."""
    monkeypatch.setattr(extent.Extent, "tile", tile)
    monkeypatch.setattr(extent, "_SPLIT_PROGRAMS", 3)
    monkeypatch.setattr(forward, "COMBINED", 2)
    monkeypatch.setattr(backward, "COMBINED", 2)
    monkeypatch.setattr(backward, "SUMMED_SPLITS", 2)
    blocks = draw_blocks((1, 1, 1), "identity", "batch", True)
    assert extent.extent_of(draw_images(7, 1, 15, 11)).splits(1, 1) == (3, 4)
    assert_twins_agree(draw_images(7, 1, 15, 11), blocks, pool=False)


def test_variance_far_from_zero():
    """A mean of 100 standard deviations, over several tiles."""
    block = draw_block((2, 3), "elu", "batch")
    block = replace(block, bias=torch.full((3,), 100.0))
    assert_twins_agree(draw_images(5, 2, 9, 9), [block], pool=False)


def test_constant_channel():
    """No variance: eps alone keeps the result finite."""
    block = draw_block((1, 2), "tanh", "batch")
    block = replace(block, weight=torch.zeros(2, 1, 3, 3), bias=torch.full((2,), 1e4))
    found = outcome(conv_blocks, draw_images(4, 1, 6, 6), [block], False)
    expected = torch.tanh(block.norm.beta)[:, None, None].expand(4, 2, 6, 6)
    assert torch.allclose(found["result"], expected, rtol=1e-5)


@pytest.mark.parametrize("activation", ["elu", "tanh"])
def test_small_and_large_values(activation):
    """Each value to a relative error of 1e-6, not just the largest."""
    sizes = torch.logspace(-12, 2, 500)
    signal = torch.cat([sizes, -sizes]).view(1, 1, 25, 40)
    centre = torch.zeros(1, 1, 3, 3)
    centre[..., 1, 1] = 1
    block = draw_block((1, 1), activation)
    block = replace(block, weight=centre, bias=torch.zeros(1))
    found = outcome(conv_blocks, signal, [block], False)["result"]
    expected = reference.ACTIVATIONS[activation](signal.double())
    assert torch.allclose(found.double(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("norm", [None, "batch"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_stays_where_it_is(activation, norm):
    """In results, gradients and running statistics: the places, and the rest's values.

    In one image of two: with batch statistics it spreads to all, otherwise not.
    """
    blocks = draw_blocks((1, 2, 2), activation, norm, True)
    signal = draw_images(2, 1, 8, 8)
    signal[1, 0, 2, 3] = torch.nan
    found = outcome(conv_blocks, signal, blocks, True)
    expected = outcome(reference.conv_blocks, signal, blocks, True, torch.float64)
    assert found["result"].isnan().any()
    for name, value in expected.items():
        assert torch.equal(found[name].isnan(), value.isnan()), name
    # Their places are compared; what is left is compared with 0 in them.
    assert_close(
        {name: value.where(~value.isnan(), 0) for name, value in found.items()},
        {name: value.where(~value.isnan(), 0) for name, value in expected.items()},
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_overflow(activation):
    """Infinities of both signs where plain fp32 has them."""
    block = draw_block((2, 3), activation)
    # Of one sign each: where both infinities meet, the order of the sum decides.
    block = replace(block, weight=block.weight.abs() * 1e20)
    signal = draw_images(3, 2, 5, 5).abs() * 1e20
    signal[1] *= -1
    signal[2] *= 1e-30
    with torch.no_grad():
        expected = reference.conv_blocks(signal, [block], False)
        moved = mapped(block, lambda tensor: tensor.to(DEVICE))
        found = conv_blocks(signal.to(DEVICE), [moved], False).cpu()
    assert expected.isinf().any() == (activation != "tanh")
    assert torch.allclose(found, expected, rtol=1e-5, equal_nan=True)


def replicas_of(kind, num_replicas=3):
    """Blocks and a signal for several networks, and those of each alone."""
    alone = []
    for replica in range(num_replicas):
        pairs = [(1, 2), (2, 2)]
        blocks = [draw_block(pair, *kind, seed=10 * replica) for pair in pairs]
        chance = generator(replica)
        alone.append((torch.randn(4, 1, 7, 6, generator=chance), blocks))
    return alone


def stacked(alone):
    signals, runs = zip(*alone, strict=True)
    blocks = []
    for parts in zip(*runs, strict=True):
        columns = [[] for _ in parts]
        for part, column in zip(parts, columns, strict=True):
            mapped(part, lambda tensor, column=column: column.append(tensor) or tensor)
        tensors = iter([torch.stack(same) for same in zip(*columns, strict=True)])
        blocks.append(mapped(parts[0], lambda _, tensors=tensors: next(tensors)))
    return torch.stack(signals), blocks


@pytest.mark.parametrize("kind", [("elu", "batch", True), ("tanh", None, True)])
def test_replicas_do_not_see_each_other(kind):
    """Each gives the bits that it gives alone, though one holds NaN and infinity."""
    alone = replicas_of(kind)
    broken_signal, broken_blocks = alone[1]
    broken_signal[:] = torch.nan
    broken_blocks[1].weight[:] = torch.inf
    together = outcome(conv_blocks, *stacked(alone), True)
    assert together["result"][1].isnan().all()
    for replica in (0, 2):
        found = {name: tensor[replica] for name, tensor in together.items()}
        assert found["result"].isfinite().all()
        assert_equal_bits(found, outcome(conv_blocks, *alone[replica], True))


def test_one_replica_is_the_network_alone():
    alone = replicas_of(("relu", "batch", True), 1)
    found = outcome(conv_blocks, *stacked(alone), True)
    found = {name: tensor[0] for name, tensor in found.items()}
    assert_equal_bits(found, outcome(conv_blocks, *alone[0], True))


def test_weights_may_be_views():
    """Replicas as rows of one flat buffer; weights and signal channels-last."""
    signal, blocks = stacked(replicas_of(("elu", "batch", True), 2))
    expected = outcome(conv_blocks, signal, blocks, False)

    def strided(tensor):
        flat = tensor.flatten(1)
        wide = torch.full((len(flat), flat.shape[1] + 3), torch.nan)
        wide[:, 1:-2] = flat
        return wide.to(DEVICE)[:, 1:-2].unflatten(1, tensor.shape[1:])

    blocks = [mapped(block, strided) for block in blocks]
    result = conv_blocks(signal.to(DEVICE).mT.contiguous().mT, blocks, False)
    assert torch.equal(result.cpu(), expected["result"])
    running = blocks[1].norm.running_var
    assert torch.equal(running.cpu(), expected["1.running_var"])
    turned = [
        replace(block, weight=block.weight.mT.contiguous().mT) for block in blocks
    ]
    assert torch.equal(conv_blocks(signal.to(DEVICE), turned, False), result)


def test_images_get_no_gradient():
    """And the weights the same ones; without a gradient, the same result."""
    blocks = draw_blocks((2, 3, 3), "elu", None, True)
    blocks = [mapped(block, lambda tensor: tensor.to(DEVICE)) for block in blocks]
    images = draw_images(2, 2, 4, 4).to(DEVICE)
    plain = conv_blocks(images, blocks, True)
    assert plain.grad_fn is None
    weights = [block.weight.requires_grad_() for block in blocks]
    result = conv_blocks(images, blocks, True)
    assert torch.equal(result, plain)
    gradients = torch.autograd.grad(result.sum(), weights)
    result = conv_blocks(images.requires_grad_(), blocks, True)
    result.sum().backward()
    for gradient, weight in zip(gradients, weights, strict=True):
        assert torch.equal(gradient, weight.grad)


def test_running_statistics_may_be_left_alone():
    block = draw_block((2, 3), "relu", "batch")
    frozen = replace(block, norm=replace(block.norm, updates_running=False))
    found = outcome(conv_blocks, draw_images(3, 2, 4, 4), [frozen], False)
    assert torch.equal(found["0.running_mean"], block.norm.running_mean)
    assert torch.equal(found["0.running_var"], block.norm.running_var)
    assert_twins_agree(draw_images(3, 2, 4, 4), [frozen], pool=False)


def test_what_it_can_not_compute():
    with pytest.raises(ValueError, match=r"gelu.*only tanh, elu, relu, identity"):
        conv_blocks(draw_images(1, 1, 2, 2), [draw_block((1, 1), "gelu")], False)
    block = draw_block((1, 1), "elu", "batch")
    with pytest.raises(ValueError, match="more than one value"):
        conv_blocks(draw_images(1, 1, 1, 1), [block], False)


@pytest.mark.skipif(DEVICE == "cpu", reason="a CUDA graph needs a GPU")
def test_a_graph_replays_the_same_bits():
    """Forward and backward captured; the replay reads the images of the moment."""
    blocks = draw_blocks((2, 4, 4), "elu", "batch", True)
    blocks = [mapped(block, lambda tensor: tensor.to(DEVICE)) for block in blocks]
    weights = [block.weight.requires_grad_() for block in blocks]
    images = draw_images(96, 2, 14, 14).to(DEVICE)

    def step():
        result = conv_blocks(images, blocks, True)
        return [result, *torch.autograd.grad(result.square().sum(), weights)]

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    images.mul_(2)
    expected = [tensor.clone() for tensor in step()]
    graph.replay()
    assert all(map(torch.equal, captured, expected))
