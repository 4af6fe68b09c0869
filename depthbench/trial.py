"""From a TrialSpec to a TrialRecord: the one place where the parts meet."""

import functools
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from depthbench import runtime
from depthbench.blueprint import Architecture
from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import ImageData
from depthbench.kernels import library
from depthbench.kernels.twins import conv_blocks_of
from depthbench.layers.conv_stack import ConvStackNet
from depthbench.plugins import load_architectures
from depthbench.record import Environment, Outcome, TrialRecord
from depthbench.registry import Registry
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData, seconds_per_epoch, train
from depthbench.training.loop import as_heads
from depthbench.verdict import REFERENCE_CRITERION, outcome_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialContext:
    """What a process needs besides the spec; none of it may change the result.

    Attributes:
        data_dir: Where the data sets lie.
        plugins: Files that define further architectures.
    """

    data_dir: Path
    plugins: tuple[Path, ...] = ()


def run_trial(spec: TrialSpec, context: TrialContext) -> TrialRecord:
    """Train one network once and say what happened; write nothing.

    Two calls with one spec on one machine, with the same versions and number of
    threads, give the same record, times and memory aside. A failure to measure (out
    of memory, an error in a user's architecture) is an outcome too, not an exception.

    Raises:
        ProcessUnusableError: If the device failed; a new process may do better.
    """
    try:
        with runtime.seeded_global_generators(spec.seed, "modules"):
            return _measure(spec, context)
    except (torch.OutOfMemoryError, MemoryError) as error:
        return _failed(spec, Outcome.OUT_OF_MEMORY, str(error))
    except torch.AcceleratorError as error:
        # The device's context is lost, and with it every later trial of the process.
        raise runtime.ProcessUnusableError(str(error)) from error
    except RuntimeError as error:
        # The CPU allocator raises a plain RuntimeError.
        lacks_memory = "can't allocate memory" in str(error)
        outcome = Outcome.OUT_OF_MEMORY if lacks_memory else Outcome.CRASHED
        return _failed(spec, outcome, described(error))
    except (Exception, SystemExit) as error:
        return _failed(spec, Outcome.CRASHED, described(error))


def time_layer_epoch(spec: TrialSpec, context: TrialContext) -> float:
    """Seconds that one layer takes for one epoch, timed on a few steps; an estimate."""
    with runtime.seeded_global_generators(spec.seed, "modules"):
        net, data = set_up(spec, context)
        return seconds_per_epoch(net, data, spec) / spec.depth


def set_up(spec: TrialSpec, context: TrialContext) -> tuple[nn.Module, ResidentData]:
    """The untrained network of a trial and its data, on their device.

    Raises:
        DataError: If the data set cannot be had.
        Exception: What a user's builder raises.
    """
    architecture = _architectures(context.plugins)[spec.architecture]
    data, resident = _data(spec, context, architecture)
    return build_network(architecture, spec, data), resident


def build_network(
    architecture: Architecture, spec: TrialSpec, data: ImageData
) -> nn.Module:
    """The untrained network of a trial, on its device.

    Raises:
        ValueError: If the initialiser does not apply to the architecture.
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
    return net.to(spec.device, memory_format=_memory_format(architecture, spec))  # type: ignore[call-overload, no-any-return]


def _memory_format(architecture: Architecture, spec: TrialSpec) -> torch.memory_format:
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


def _measure(spec: TrialSpec, context: TrialContext) -> TrialRecord:
    architecture = _architectures(context.plugins)[spec.architecture]
    if architecture.plugin_sha256 != spec.plugin_sha256:
        raise ValueError(f"the file that defines {spec.architecture} was changed")
    data, resident = _data(spec, context, architecture)
    began = runtime.monotonic_seconds()
    runtime.reset_peak_memory(spec.device)
    net = build_network(architecture, spec, data)
    _check_modes(net, architecture)
    _check_logits(net, resident, data.num_classes)
    training = train(net, resident, spec, runtime.generator(spec.seed, "order"))
    diverged = training.first_nonfinite_step is not None
    return TrialRecord(
        spec=spec,
        outcome=outcome_of(
            training.epochs,
            first_nonfinite_step=training.first_nonfinite_step,
            num_classes=data.num_classes,
            criterion=REFERENCE_CRITERION,
        ),
        epochs=training.epochs,
        first_nonfinite_step=training.first_nonfinite_step,
        num_steps=training.num_steps,
        num_weight_layers=num_weight_layers(architecture, spec.depth, net),
        num_parameters=sum(weight.numel() for weight in net.parameters()),
        num_classes=data.num_classes,
        data_sha256=data.sha256,
        seconds=runtime.monotonic_seconds() - began,
        peak_memory_bytes=runtime.peak_memory_bytes(spec.device),
        stopped_early="non-finite loss" if diverged else None,
        finished_at=runtime.utc_now(),
        environment=_environment(spec),
    )


def _environment(spec: TrialSpec) -> Environment:
    is_native = spec.kernels == "fused" and spec.device == "cpu"
    return replace(
        runtime.capture_environment(spec.device),
        instruction_set=library.kernels()[0].name if is_native else None,
    )


def _check_modes(net: nn.Module, architecture: Architecture) -> None:
    """Two protocols share the trials of a network that says it knows no modes."""
    knowing = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    for module in net.modules():
        if isinstance(module, knowing) and not architecture.has_train_mode:
            raise ValueError(
                f"has_train_mode=False, but there is a {type(module).__name__}; "
                "leave it out"
            )


def _check_logits(net: nn.Module, data: ResidentData, num_classes: int) -> None:
    """Run two images through `net` in evaluation mode, which changes nothing in it."""
    net.eval()
    with torch.no_grad():
        heads = as_heads(net(data.normalized(data.test.images[:2])))
    for head in heads:
        if head.shape != (2, num_classes) or not head.is_floating_point():
            raise ValueError(
                f"logits of two images: got {head.dtype} of shape {tuple(head.shape)}, "
                f"expected floats of shape (2, {num_classes})"
            )


def _failed(spec: TrialSpec, outcome: Outcome, message: str) -> TrialRecord:
    return TrialRecord(
        spec=spec, outcome=outcome, message=message, finished_at=runtime.utc_now()
    )


def described(error: BaseException) -> str:
    """The error, and the innermost line of the code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{at}"


@functools.cache
def _architectures(plugins: tuple[Path, ...]) -> Registry[Architecture]:
    return load_architectures(plugins)


def _data(
    spec: TrialSpec, context: TrialContext, architecture: Architecture
) -> tuple[ImageData, ResidentData]:
    data, resident = _loaded(spec.data, context.data_dir, spec.device)
    order = _memory_format(architecture, spec)
    return data, replace(resident, memory_format=order)


@functools.lru_cache(maxsize=1)
def _loaded(name: str, folder: Path, device: str) -> tuple[ImageData, ResidentData]:
    data = DATASETS[name].load(folder)
    return data, ResidentData.on(device, data)
