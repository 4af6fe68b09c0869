"""Whether the fast ways to train agree with the plain one, on the machine at hand.

The plain way is PyTorch's operators, run one by one. The fast ones are the fused
kernels on a CPU, and steps replayed from CUDA graphs on a GPU.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from depthbench.architectures.definition import Architecture
from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.architectures.stack import INGREDIENTS, Stack, stack_of
from depthbench.kernels.cpu import CpuConvBlocks
from depthbench.registry import Registry
from depthbench.runtime import generator, seeded_global_generators
from depthbench.spec import Cell, TrialSpec
from depthbench.training import ResidentData, train
from depthbench.training.graphed import CudaRecorder, Graphed
from depthbench.training.resident import Split
from depthbench.training.testing import Runner, run_eagerly

# Of a tensor's largest value, or of 0.1 if that is more. With these steps rounding
# alone gives up to 3e-5, and an error of 2 % in one weight's gradient 7e-4 or more.
_TOLERANCE = 3e-4
# Two full batches an epoch and half a one: a step is replayed from the third on.
_BATCH_SIZE, _NUM_IMAGES, _SIZE = 16, 40, 12
_GRAPH_DEVICE = "cuda"
# Initial weights that read a batch are drawn alike for either kernel.
_COMPARED = {"batch_norm", "skip", *INGREDIENTS} - {"unit_variance"}
_SPEC = TrialSpec(
    architecture="self-check",
    depth=6,
    data="random",
    seed=0,
    lr=0.2,
    epochs=3,
    batch_size=_BATCH_SIZE,
)


def wrong_kernels(
    cells: Sequence[Cell], architectures: Registry[Architecture]
) -> str | None:
    """Why the fused kernels that some cells have are not to be trusted on this machine.

    Each kind of block is looked at once in a process.

    Returns:
        The first difference, with the architecture; None if there is none.

    Raises:
        LibraryMissingError: If there are no compiled kernels.
    """
    fused = (cell.architecture for cell in cells if cell.template.kernels == "fused")
    for name in dict.fromkeys(fused):
        stack = stack_of(architectures[name])
        if stack and (reason := fused_disagreement(stack)):
            return (
                f"on this processor the fused kernels do not compute {name} as PyTorch "
                f"does ({reason}): report it as a bug"
            )
    return None


def fused_disagreement(stack: Stack) -> str | None:
    """How the fused kernels train a small stack otherwise than PyTorch does.

    Both make the same few steps; compared are losses, weights and running statistics.

    Args:
        stack: Its ingredients are those of the small one, its channels, heads, initial
            weights and rate are not.

    Returns:
        None if they agree but for rounding, else what differs and by how much.

    Raises:
        LibraryMissingError: If there are no compiled kernels.
    """
    plain = Stack(name=_SPEC.architecture, activation=stack.activation)
    kept = {name: getattr(stack, name) for name in _COMPARED}
    return _fused_disagreement(replace(plain, **kept))


@functools.cache
def _fused_disagreement(stack: Stack) -> str | None:
    net = _network(stack, "cpu")
    net.conv_blocks = CpuConvBlocks()
    return _difference(_values(net), _values(_network(stack, "cpu")))


@functools.cache
def graph_disagreement() -> str | None:
    """The same of steps replayed from CUDA graphs, for a stack with BatchNorm.

    Raises:
        CaptureError: If a step cannot be captured.
    """
    stack = Stack(name=_SPEC.architecture, activation="elu", batch_norm=True, skip=True)
    net = _network(stack, _GRAPH_DEVICE)
    graphed = Graphed(net, CudaRecorder())
    return _difference(_values(net, graphed), _values(_network(stack, _GRAPH_DEVICE)))


def _network(stack: Stack, device: str) -> ConvStackNet:
    with seeded_global_generators(*_SPEC.entropy, "self-check"):
        net = stack.build(
            _SPEC.depth,
            image_shape=(1, _SIZE, _SIZE),
            num_classes=10,
            generator=generator(*_SPEC.entropy, "weights"),
        )
    return cast(ConvStackNet, net.to(device))


def _values(net: nn.Module, run: Runner = run_eagerly) -> dict[str, Tensor]:
    """What a training of the network came to, by name."""
    device = next(net.parameters()).device
    source = generator(*_SPEC.entropy, "images")
    shape = (_NUM_IMAGES, 1, _SIZE, _SIZE)
    images = torch.randint(256, shape, generator=source, dtype=torch.uint8)
    labels = torch.randint(10, (_NUM_IMAGES,), generator=source)
    split = Split(images.to(device), labels.to(device))
    half = torch.full((1, 1, 1, 1), 0.5, device=device)
    data = ResidentData(train=split, test=split, mean=half, std=half, num_classes=10)
    training = train(net, data, _SPEC, generator(*_SPEC.entropy, "order"), run)
    losses = [[*each.train_loss, *(each.test_loss or ())] for each in training.epochs]
    return {"losses": torch.tensor(losses)} | net.state_dict()


def _difference(found: dict[str, Tensor], right: dict[str, Tensor]) -> str | None:
    for name, expected in right.items():
        scale = max(expected.abs().max().item(), 0.1)
        if found[name].shape != expected.shape:
            return f"the training ended early ({name})"
        worst = (found[name] - expected).abs().max().item() / scale
        if math.isnan(worst) or worst > _TOLERANCE:
            return f"{name} differs by {worst:.2g} of its largest value"
    return None
