"""The network of a trial: built, laid out for its kernels, and looked at once."""

import torch
from torch import nn

from depthbench import runtime
from depthbench.blueprint import Architecture
from depthbench.datasets.image_data import ImageData
from depthbench.kernels.twins import conv_blocks_of
from depthbench.layers.conv_stack import ConvStackNet
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData
from depthbench.training.batches import as_heads


def build_network(
    architecture: Architecture, spec: TrialSpec, data: ImageData
) -> nn.Module:
    """The untrained network of a trial, on its device.

    Raises:
        ValueError: If the initialiser or the kernels do not apply to the architecture.
        Exception: What a user's builder raises.
    """
    net = architecture.with_initializer(spec.initializer).build(
        spec.depth,
        image_shape=data.image_shape,
        num_classes=data.num_classes,
        generator=runtime.generator(spec.seed, "weights"),
    )
    if isinstance(net, ConvStackNet):
        net.conv_blocks = conv_blocks_of(spec.kernels, spec.device)
    elif spec.kernels != "reference":
        raise ValueError(f"{spec.architecture} cannot have {spec.kernels} kernels")
    return net.to(spec.device, memory_format=memory_format(architecture, spec))  # type: ignore[call-overload, no-any-return]


def memory_format(architecture: Architecture, spec: TrialSpec) -> torch.memory_format:
    """The faster order of dimensions in memory for networks that allow any.

    Convolutions of few channels are nearly twice as fast in channels-last order on a
    CPU. A user's module keeps the usual order: it may call `view`.
    """
    is_ours = architecture.stack is not None
    is_faster = is_ours and spec.device == "cpu" and spec.kernels == "reference"
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
        heads = as_heads(net(data.normalized(data.test.images[:2])))
    for head in heads:
        if head.shape != (2, num_classes) or not head.is_floating_point():
            raise ValueError(
                f"logits of two images: got {head.dtype} of shape {tuple(head.shape)}, "
                f"expected floats of shape (2, {num_classes})"
            )
