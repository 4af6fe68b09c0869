"""A convolution block in many shapes, and its results from two implementations."""

import itertools
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from depthbench.kernels import cpu, reference
from depthbench.kernels.block import Block, ConvBlocks, Norm
from depthbench.kernels.compiled import kernels, missing

# Of the largest value of a tensor.
TOLERANCE = 1e-5


KERNELS = {} if missing() else {kernel.name: kernel for kernel in kernels()}


@dataclass(frozen=True, kw_only=True)
class Case:
    channels: tuple[int, ...] = (3, 4, 4)
    num_images: int = 5
    height: int = 6
    width: int = 5
    activation: str = "elu"
    norm: str = "none"  # none, batch or running
    skip: bool = False
    factor: float | None = None
    padding: str = "zeros"
    pool: bool = False
    offset: float = 0.0  # of every bias: a mean far from 0, in deviations
    seed: int = 0


def twin(name: str) -> ConvBlocks:
    """The CPU kernel of one instruction set."""
    return cpu.CpuConvBlocks(KERNELS[name])


def drawn(case: Case) -> tuple[Tensor, list[Block], Tensor]:
    """Images, blocks and the gradient of a loss with respect to the output."""
    source = torch.Generator().manual_seed(case.seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=source)

    blocks = []
    for into, out in itertools.pairwise(case.channels):
        norm = Norm(
            gamma=1 + 0.3 * normal(out),
            beta=0.3 * normal(out),
            running_mean=0.5 * normal(out),
            running_var=0.5 + normal(out) ** 2,
            uses_batch=case.norm == "batch",
            updates_running=case.norm == "batch",
        )
        blocks.append(
            Block(
                weight=normal(out, into, 3, 3) / (3 * into**0.5),
                bias=case.offset + 0.2 * normal(out),
                norm=None if case.norm == "none" else norm,
                activation=case.activation,
                adds_input=case.skip and into == out,
                factor=None if case.factor is None else torch.tensor(case.factor),
                slopes=(1.3, 0.4),
                padding=case.padding,
            )
        )
    images = normal(case.num_images, case.channels[0], case.height, case.width)
    scale = 2 if case.pool else 1
    size = (case.height // scale, case.width // scale)
    return images, blocks, normal(case.num_images, case.channels[-1], *size)


def cast(block: Block, dtype: torch.dtype) -> Block:
    """A copy whose weights collect gradients."""

    def weight(tensor: Tensor) -> Tensor:
        return tensor.to(dtype, copy=True).requires_grad_()

    norm = block.norm
    if norm is not None:
        norm = replace(
            norm,
            gamma=weight(norm.gamma),
            beta=weight(norm.beta),
            running_mean=norm.running_mean.to(dtype, copy=True),
            running_var=norm.running_var.to(dtype, copy=True),
        )
    return replace(
        block,
        weight=weight(block.weight),
        bias=weight(block.bias),
        norm=norm,
        factor=None if block.factor is None else weight(block.factor),
    )


def results(
    conv_blocks: ConvBlocks,
    images: Tensor,
    blocks: list[Block],
    pool: bool,
    grad_out: Tensor,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Every tensor that a run computes or changes, by a name that tells its block."""
    copies = [cast(block, dtype) for block in blocks]
    signal = images.to(dtype, copy=True).requires_grad_()
    out = conv_blocks(signal, copies, pool)
    out.backward(grad_out.to(dtype))
    found = {"out": out.detach(), "signal": signal.grad}
    for place, block in enumerate(copies):
        found[f"weight {place}"] = block.weight.grad
        found[f"bias {place}"] = block.bias.grad
        if (norm := block.norm) is not None:
            found[f"gamma {place}"] = norm.gamma.grad
            found[f"beta {place}"] = norm.beta.grad
            found[f"running_mean {place}"] = norm.running_mean
            found[f"running_var {place}"] = norm.running_var
        if block.factor is not None and block.adds_input:
            found[f"factor {place}"] = block.factor.grad
    assert all(tensor is not None for tensor in found.values())
    return found  # type: ignore[return-value]


def compare_with(
    exact: dict[str, Tensor], steep: dict[str, Tensor], name: str, case: Case
) -> None:
    """Equal to float64 results, or at least no worse than PyTorch's float32.

    The bound is relative to the largest value of a tensor; of all gradients of a block
    for those of its bias and norm, sums over a channel that may cancel, as that of a
    bias before a batch's own mean does altogether. The slope of a saturated activation
    is a small difference of numbers near 1, so a tenth of the bound is relative to what
    the gradient would be at a slope of 1, as `steep` has it.
    """
    images, blocks, grad_out = drawn(case)
    run = (images, blocks, case.pool, grad_out)
    single = results(reference.conv_blocks, *run, torch.float32)
    fused = results(twin(name), *run)
    assert fused.keys() == exact.keys()
    for key, right in exact.items():
        error, usual = largest(fused[key] - right), largest(single[key] - right)
        scale = max(largest(exact[name]) for name in compared_with(key, exact))
        bound = max(TOLERANCE * scale, 4 * usual, TOLERANCE / 10 * largest(steep[key]))
        assert error <= bound, (key, case, error, scale)


def largest(tensor: Tensor) -> float:
    """Of the absolute values."""
    return tensor.abs().max().item()


def compared_with(key: str, found: dict[str, Tensor]) -> list[str]:
    """Which tensors tell the size of one."""
    kind, _, place = key.partition(" ")
    sums = ("bias", "gamma", "beta", "factor")
    if kind not in sums:
        return [key]
    return [
        f"{name} {place}" for name in ("weight", *sums) if f"{name} {place}" in found
    ]


def distance_from_kinks(case: Case) -> float:
    """The smallest input of an activation, in size; 0 is where a ReLU has no slope."""
    images, blocks, _ = drawn(case)
    signal, nearest = images.double(), math.inf
    for block in (cast(block, torch.float64) for block in blocks):
        bare = replace(block, activation="identity", adds_input=False)
        before = reference.conv_block(signal, bare)
        nearest = min(nearest, before.abs().min().item())
        signal = reference.conv_block(signal, block)
    return nearest
