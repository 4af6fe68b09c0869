"""Blocks to compute, and what two computations of them have to agree on."""

import itertools
import os
from dataclasses import replace

import torch

from depthbench.kernels import reference
from depthbench.kernels.block import Block, Norm
from depthbench.kernels.cuda import conv_blocks

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw_block(channels, activation, norm=None, skip=False, *, seed=0):
    """A block from channels[0] to channels[1]; `norm` is None, batch or running."""
    chance = generator(seed)
    in_channels, out_channels = channels

    def normal(*shape):
        return torch.randn(*shape, generator=chance)

    drawn = Norm(
        gamma=normal(out_channels),
        beta=normal(out_channels),
        running_mean=normal(out_channels),
        running_var=normal(out_channels).abs() + 0.5,
        momentum=0.3,
        uses_batch=norm == "batch",
    )
    return Block(
        weight=normal(out_channels, in_channels, 3, 3) / (3 * in_channels**0.5),
        bias=normal(out_channels),
        norm=drawn if norm else None,
        activation=activation,
        adds_input=skip and in_channels == out_channels,
    )


def draw_blocks(channels, *kind):
    pairs = itertools.pairwise(channels)
    return [draw_block(pair, *kind, seed=seed) for seed, pair in enumerate(pairs)]


def draw_images(*shape):
    return torch.randn(*shape, generator=generator(99))


def mapped(block, change):
    """The block with `change` applied to each of its tensors."""
    norm = block.norm
    if norm is not None:
        names = ("gamma", "beta", "running_mean", "running_var")
        norm = replace(norm, **{name: change(getattr(norm, name)) for name in names})
    weight, bias = change(block.weight), change(block.bias)
    return replace(block, weight=weight, bias=bias, norm=norm)


def outcome(compute, signal, blocks, pool, dtype=torch.float32):
    """Everything that a call returns or writes, by name; its gradients included."""
    device = "cpu" if compute is reference.conv_blocks else DEVICE

    def fresh(tensor):
        return tensor.detach().to(device, dtype, copy=True)

    blocks = [mapped(block, fresh) for block in blocks]
    inputs = {"signal": fresh(signal)}
    for index, block in enumerate(blocks):
        inputs |= {f"{index}.weight": block.weight, f"{index}.bias": block.bias}
        if block.norm is not None:
            inputs[f"{index}.gamma"] = block.norm.gamma
            inputs[f"{index}.beta"] = block.norm.beta
    for tensor in inputs.values():
        tensor.requires_grad_()
    result = compute(inputs["signal"], blocks, pool)
    upstream = torch.randn(result.shape[-4:], generator=generator(7)).to(result)
    upstream = upstream.expand_as(result)
    gradients = torch.autograd.grad(result, list(inputs.values()), upstream)
    found = {"result": result} | dict(zip(inputs, gradients, strict=True))
    for index, block in enumerate(blocks):
        if block.norm is not None:
            found[f"{index}.running_mean"] = block.norm.running_mean
            found[f"{index}.running_var"] = block.norm.running_var
    return {name: tensor.detach().cpu() for name, tensor in found.items()}


def assert_close(found, expected, tolerance=1e-5):
    """Every tensor within `tolerance` of the largest magnitude in the expected one.

    A bias before batch statistics has the gradient 0, and rounding errors are all that
    is left of it: its scale is that of the weights beside it.
    """
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        scale = value.abs().max()
        if name.endswith(".bias"):
            scale = max(scale, expected[name.replace("bias", "weight")].abs().max())
        error = (found[name].double() - value).abs().max()
        assert error <= tolerance * scale, f"{name}: {error / scale:.1e}"


def assert_twins_agree(signal, blocks, pool):
    found = outcome(conv_blocks, signal, blocks, pool)
    expected = outcome(reference.conv_blocks, signal, blocks, pool, torch.float64)
    assert_close(found, expected)


def assert_equal_bits(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name].view(torch.int32), value.view(torch.int32)), name
