"""The network of a trial: built, and laid out for its kernels."""

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.architectures.layers.functional import FunctionalNet
from depthbench.datasets.image_data import ImageData
from depthbench.kernels import cpu
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData

# Images of noise for an architecture that reads some where there is no data set.
_NUM_NOISE = 64


def build_network(
    architecture: Architecture, spec: TrialSpec, data: ImageData
) -> nn.Module:
    """The untrained network of a trial, on its device.

    Raises:
        ValueError: If the initialiser or the kernels do not apply to the architecture.
        TypeError: If the builder returns no module.
        Exception: What a user's builder raises.
    """
    net = bare_network(
        architecture.with_initializer(spec.initializer),
        spec.depth,
        image_shape=data.image_shape,
        num_classes=data.num_classes,
        entropy=spec.entropy,
        images=_first_batch(spec, data) if architecture.reads_images else None,
    )
    if spec.kernels == "fused":
        if not isinstance(net, ConvStackNet):
            raise ValueError(f"{spec.architecture} cannot have fused kernels")
        net.conv_blocks = cpu.CpuConvBlocks()
    return net.to(spec.device, memory_format=memory_format(architecture, spec))  # type: ignore[call-overload, no-any-return]


def bare_network(
    architecture: Architecture,
    depth: int,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    entropy: tuple[int, ...],
    images: torch.Tensor | None = None,
) -> nn.Module:
    """What the builder makes, found to be a network whose layers are known.

    Its weights are drawn as those of a trial of this entropy. `images` are for an
    architecture that reads them; without any, it is given noise.

    Raises:
        TypeError: If it is none.
        ValueError: If it is a function whose weight layers are not declared.
        Exception: What a user's builder raises.
    """
    more: dict[str, Any] = {}
    if architecture.reads_images:
        noise = runtime.generator("noise for builders")
        more["images"] = (
            torch.randn(_NUM_NOISE, *image_shape, generator=noise, device="cpu")
            if images is None
            else images
        )
    net: object = architecture.build(
        depth,
        image_shape=image_shape,
        num_classes=num_classes,
        generator=runtime.generator(*entropy, "weights"),
        **more,
    )
    if not isinstance(net, nn.Module):
        raise TypeError(
            f"the builder of {architecture.name} returned a {type(net).__name__}; "
            "return an nn.Module, or depthbench.functional_net(forward, parameters)"
        )
    if isinstance(net, FunctionalNet) and architecture.num_weight_layers is None:
        raise ValueError(
            f"{architecture.name} is a function, and its weight layers cannot be "
            "counted: declare @architecture(..., num_weight_layers=lambda depth: ...)"
        )
    if any(map(is_lazy, net.parameters())):
        # Such weights are made when the first images come, and an optimizer needs them.
        with torch.no_grad():
            net.eval()(torch.zeros(2, *image_shape))
        net.train()
    return net


def _first_batch(spec: TrialSpec, data: ImageData) -> torch.Tensor:
    resident = ResidentData.on("cpu", data).under(spec)
    return resident.normalized(resident.train.images[: spec.batch_size])


def memory_format(architecture: Architecture, spec: TrialSpec) -> torch.memory_format:
    """The faster order of dimensions in memory for networks that allow any.

    Channels-last order makes a step of convolutions of few channels 1.1 to nearly 2
    times as fast on a CPU. Where BatchNorm has 4 channels and vectors have 8 floats it
    is 0.8 to 0.95 times, which is left to the fused kernels.
    """
    is_cpus = spec.device == "cpu" and spec.kernels == "reference"
    is_faster = architecture.allows_channels_last and is_cpus
    return torch.channels_last if is_faster else torch.contiguous_format


def num_weight_layers(architecture: Architecture, depth: int, net: nn.Module) -> int:
    """Weight layers as the architecture declares them, or else as counted in `net`."""
    if architecture.num_weight_layers is not None:
        return architecture.num_weight_layers(depth)
    layers = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
    return sum(isinstance(module, layers) for module in net.modules())
