"""Blocks are found in any network: by its graph alone, whatever it is written in."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.functional import functional_net
from depthbench.kernels import compiled
from depthbench.kernels.cpu import CpuConvBlocks
from depthbench.runtime import generator
from depthbench.training.blocks import run_by_blocks

IMAGES = torch.randn((5, 1, 12, 12), generator=generator(0, "blocks"))


def shapes(net, images=IMAGES):
    return [
        (b.num_layers, *b.signal.shape[1:]) for b in run_by_blocks(net, images).blocks
    ]


def built(name, depth):
    return ARCHITECTURES[name].build(
        depth,
        image_shape=(1, 12, 12),
        num_classes=10,
        generator=generator(0, "weights"),
    )


def test_a_stack_has_a_block_for_each_convolution_in_front_of_its_pool():
    found = shapes(built("elu_bn", 6))
    assert found == [
        (1, 4, 12, 12), (2, 4, 12, 12), (3, 8, 6, 6), (4, 8, 6, 6), (5, 16, 3, 3),
        (6, 16, 3, 3),
    ]  # fmt: skip
    assert shapes(built("elu_multihead", 6)) == found


@pytest.mark.skipif(compiled.missing() is not None, reason="no compiled kernels")
@pytest.mark.parametrize("name", ["elu_bn", "resnet", "tanh_glorot"])
def test_fused_kernels_show_the_same_blocks(name):
    net = built(name, 9)
    plain = run_by_blocks(net, IMAGES)
    net.conv_blocks = CpuConvBlocks()
    fused = run_by_blocks(net, IMAGES)
    assert isinstance(net.conv_blocks, CpuConvBlocks)
    for one, other in zip(plain.blocks, fused.blocks, strict=True):
        assert one.num_layers == other.num_layers
        torch.testing.assert_close(one.signal, other.signal, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(plain.heads, fused.heads, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["elu_bn", "resnet", "elu_multihead", "preresnet"])
def test_the_ends_alone_are_the_first_and_last_of_all_blocks(name):
    net = built(name, 20 if name == "preresnet" else 12)
    every = run_by_blocks(net, IMAGES).blocks
    ends = run_by_blocks(net, IMAGES, only_ends=True).blocks
    assert 2 <= len(ends) <= len(every)
    for one, other in ((every[0], ends[0]), (every[-1], ends[-1])):
        torch.testing.assert_close(one.signal, other.signal, atol=0, rtol=0)


@pytest.mark.skipif(compiled.missing() is not None, reason="no compiled kernels")
def test_between_the_ends_fused_kernels_run_together():
    net = built("tanh_glorot", 30)
    net.conv_blocks = CpuConvBlocks()
    ends = run_by_blocks(net, IMAGES, only_ends=True).blocks
    # The first and last alone, and what is between in one run a stage.
    assert len(ends) == 5
    every = run_by_blocks(net, IMAGES).blocks
    torch.testing.assert_close(every[-1].signal, ends[-1].signal, atol=1e-5, rtol=1e-4)


def test_a_residual_block_ends_behind_its_shortcut():
    found = [layers for layers, *_ in shapes(built("preresnet_bottleneck", 20))]
    assert found == [1, 4, 7, 10, 13, 16, 19]


class Unusual(nn.Module):
    """Changes in place, checkpoints, drops out, and has a block without a module."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3, padding=1)
        self.second = nn.Sequential(
            nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(inplace=True)
        )
        self.loose = nn.Parameter(torch.randn(6, 6) / 6)
        self.head = nn.Linear(6, 10)

    def forward(self, images):
        signal = self.first(images)
        signal.relu_()
        signal = checkpoint(self.second, signal, use_reentrant=False)
        signal = functional.dropout(signal, 0.1)
        pixels = signal.flatten(2).transpose(1, 2)
        signal = (pixels @ self.loose).tanh().mean(1)
        return self.head(signal)


def test_modules_are_not_what_is_looked_at():
    net = Unusual()
    run = run_by_blocks(net, IMAGES)
    assert [block.num_layers for block in run.blocks] == [1, 2, 3]
    assert run.blocks[0].signal.min() == 0
    assert run.blocks[2].signal.shape == (5, 144, 6)
    loss = functional.cross_entropy(run.heads[-1], torch.arange(5))
    for gradient in torch.autograd.grad(loss, [b.signal for b in run.blocks]):
        assert gradient.norm() > 0


def test_a_function_over_tensors_has_blocks_too():
    source = generator(0, "weights")
    sizes = [(144, 20), (20, 20), (20, 20), (20, 10)]
    tensors = [torch.randn(s, generator=source) / 4 for s in sizes]

    def forward(images, parameters):
        signal = images.flatten(1)
        for weight in parameters[:-1]:
            signal = torch.tanh(signal @ weight)
        return signal @ parameters[-1]

    assert shapes(functional_net(forward, tensors)) == [(1, 20), (2, 20), (3, 20)]


class Crossing(nn.Module):
    """Every layer reads all before it, so no tensor is on every path."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.LazyLinear(8) for _ in range(3))
        self.head = nn.LazyLinear(10)

    def forward(self, images):
        parts = [images.flatten(1)]
        for layer in self.layers:
            parts.append(layer(torch.cat(parts[-2:], 1)).relu())
        return self.head(torch.cat(parts[-2:], 1))


def test_where_paths_never_meet_layers_stand_for_blocks():
    assert shapes(Crossing()) == [(1, 8), (2, 8), (3, 8)]


def test_nothing_of_the_images_changes():
    before = IMAGES.clone()
    run_by_blocks(built("elu", 3), IMAGES)
    assert torch.equal(before, IMAGES) and not IMAGES.requires_grad
