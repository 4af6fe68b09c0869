"""The network of a trial: built, laid out for its kernels, and looked at once."""

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.architectures.layers.functional import FunctionalNet
from depthbench.datasets.image_data import ImageData
from depthbench.kernels import cpu
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData
from depthbench.training.batches import as_heads


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
) -> nn.Module:
    """What the builder makes, found to be a network whose layers are known.

    Its weights are drawn as those of a trial of this entropy.

    Raises:
        TypeError: If it is none.
        ValueError: If it is a function whose weight layers are not declared.
        Exception: What a user's builder raises.
    """
    net: object = architecture.build(
        depth,
        image_shape=image_shape,
        num_classes=num_classes,
        generator=runtime.generator(*entropy, "weights"),
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
    return net


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


def check_modes(net: nn.Module, architecture: Architecture) -> None:
    """Two protocols share the trials of a network that says it knows no modes.

    Raises:
        ValueError: If it has a layer that does.
    """
    knowing = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    for module in net.modules():
        if isinstance(module, knowing) and not architecture.has_train_mode:
            raise ValueError(
                f"has_train_mode=False, but there is a {type(module).__name__}; "
                "leave it out"
            )


def check_logits(net: nn.Module, data: ResidentData, num_classes: int) -> None:
    """Run two images through `net` in evaluation mode, which changes nothing in it.

    Raises:
        ValueError: If what comes out is not logits of each image.
    """
    net.eval()
    with torch.no_grad():
        output = net(data.normalized(data.test.images[:2]))
    is_one = isinstance(output, Tensor)
    heads = as_heads(output) if is_one or isinstance(output, tuple | list) else ()
    if not heads or not all(isinstance(head, Tensor) for head in heads):
        raise ValueError(
            f"logits of two images: got a {type(output).__name__}, "
            "expected a tensor or a tuple of tensors, one a head"
        )
    for head in heads:
        if head.shape != (2, num_classes) or not head.is_floating_point():
            raise ValueError(
                f"logits of two images: got {head.dtype} of shape {tuple(head.shape)}, "
                f"expected floats of shape (2, {num_classes})"
            )
