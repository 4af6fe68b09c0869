"""One training, from its spec to its record."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import ImageData
from depthbench.kernels import compiled
from depthbench.plugins import load_architectures
from depthbench.record import Environment, Profile, TrialRecord
from depthbench.registry import Registry
from depthbench.runtime.environment import capture_environment
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData, Training, seconds_per_epoch, train
from depthbench.training.filters import first_filters
from depthbench.training.graphed import CaptureError, CudaRecorder, Graphed
from depthbench.training.last_weights import LastWeights
from depthbench.training.profile import profile_of, sample
from depthbench.training.result import record_of
from depthbench.training.testing import run_eagerly
from depthbench.trial.failures import failure_of
from depthbench.trial.look import look
from depthbench.trial.network import build_network, memory_format, num_weight_layers
from depthbench.trial.self_check import graph_disagreement

# Images that a network is looked at with, before one like it is trained.
_NUM_LOOKED_AT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialContext:
    """What a process needs besides the spec; none of it may change the result.

    Attributes:
        data_dir: Where the data sets lie.
        plugins: Files that define further architectures.
        eager_reason: Why the steps on a GPU are not captured; None captures them.
    """

    data_dir: Path
    plugins: tuple[Path, ...] = ()
    eager_reason: str | None = None


def run_trial(spec: TrialSpec, context: TrialContext) -> TrialRecord:
    """Train one network once and say what happened; write nothing.

    Two calls with one spec on one machine, with the same versions and number of
    threads, give the same record, times and memory aside. A failure to measure (out
    of memory, an error in a user's architecture) is an outcome too, not an exception.

    Raises:
        ProcessUnusableError: If the device failed, or a capture, which may have cost
            this process memory; a new one is to train eagerly then.
    """
    try:
        with runtime.seeded_global_generators(*spec.entropy, "modules"):
            return _measured(spec, context)
    except CaptureError as error:
        eagerly = replace(context, eager_reason=str(error))
        instead = (run_trial, (spec, eagerly))
        raise runtime.ProcessUnusableError(str(error), instead) from error
    except torch.AcceleratorError as error:
        # The device's context is lost, and with it every later trial of the process.
        raise runtime.ProcessUnusableError(str(error)) from error
    except (Exception, SystemExit) as error:
        outcome, message = failure_of(error)
    return TrialRecord(
        spec=spec, outcome=outcome, message=message, finished_at=runtime.utc_now()
    )


def time_layer_epoch(spec: TrialSpec, context: TrialContext) -> float:
    """Seconds that one layer takes for one epoch, timed on a few steps; an estimate."""
    with runtime.seeded_global_generators(*spec.entropy, "modules"):
        net, data = set_up(spec, context)
        return seconds_per_epoch(net, data, spec) / spec.depth


def set_up(spec: TrialSpec, context: TrialContext) -> tuple[nn.Module, ResidentData]:
    """The untrained network of a trial and its data, on their device.

    Raises:
        DataError: If the data set cannot be had.
        Exception: What a user's builder raises.
    """
    architecture = architecture_of(spec, context)
    data, resident = _data(spec, context, architecture)
    return build_network(architecture, spec, data), resident


def _measured(spec: TrialSpec, context: TrialContext) -> TrialRecord:
    if spec.device == "cuda" and context.eager_reason is None:
        context = replace(context, eager_reason=graph_disagreement())
    architecture = architecture_of(spec, context)
    if architecture.plugin_sha256 != spec.plugin_sha256:
        raise ValueError(f"the file that defines {spec.architecture} was changed")
    data, resident = _data(spec, context, architecture)
    began = runtime.monotonic_seconds()
    runtime.reset_peak_memory(spec.device)
    look_at(replace(spec, seed=0, lr=1.0), context)
    net = build_network(architecture, spec, data)
    training, message = _trained(net, resident, spec, context)
    return record_of(
        spec,
        training,
        num_weight_layers=num_weight_layers(architecture, spec.depth, net),
        num_parameters=sum(weight.numel() for weight in net.parameters()),
        num_classes=data.num_classes,
        chance=resident.chance,
        data_sha256=data.sha256,
        seconds=runtime.monotonic_seconds() - began,
        peak_memory_bytes=runtime.peak_memory_bytes(spec.device),
        num_train=len(resident.train),
        message=message,
        finished_at=runtime.utc_now(),
        environment=_environment(spec),
    )


@functools.cache
def look_at(spec: TrialSpec, context: TrialContext) -> None:
    """Look at networks like that of a spec, once a process.

    Raises:
        DataError: If the data set cannot be had.
        ValueError: If what comes out is not as `look` says.
        Exception: What a user's code raises.
    """
    architecture = architecture_of(spec, context)
    if architecture.description is not None:
        return
    _, resident = _data(spec, context, architecture)
    look(
        lambda: untrained(spec, context),
        resident.normalized(resident.train.images[:_NUM_LOOKED_AT]),
        resident.num_classes,
        has_train_mode=architecture.has_train_mode,
    )


def architecture_of(spec: TrialSpec, context: TrialContext) -> Architecture:
    """The architecture of a spec.

    Raises:
        ValueError: If it is not there.
    """
    return _architectures(context.plugins)[spec.architecture]


def data_of(spec: TrialSpec, context: TrialContext) -> ImageData:
    """The data set of a spec, loaded once a process.

    Raises:
        DataError: If it cannot be had.
    """
    return _loaded(spec.data, context.data_dir, spec.device)[0]


def untrained(spec: TrialSpec, context: TrialContext) -> nn.Module:
    """The network that a trial begins with; the global generators stay as they are."""
    with runtime.seeded_global_generators(*spec.entropy, "modules"):
        return set_up(spec, context)[0]


def _environment(spec: TrialSpec) -> Environment:
    is_native = spec.kernels == "fused" and spec.device == "cpu"
    return replace(
        capture_environment(spec.device),
        instruction_set=compiled.kernels()[0].name if is_native else None,
    )


def _trained(
    net: nn.Module, data: ResidentData, spec: TrialSpec, context: TrialContext
) -> tuple[Training, str | None]:
    """The training, and why it ran eagerly if it did so on a GPU."""
    graphed = graphed_steps(net, spec, context)
    order = runtime.generator(*spec.entropy, "order")
    # Even a copy may share what a user's network changes when it is looked at.
    is_users = architecture_of(spec, context).description is None
    start = _profile(untrained(spec, context) if is_users else net, data)
    # On a GPU a divergence is noticed some steps late, when the weights are gone.
    last = LastWeights(net) if spec.device == "cpu" else None
    keep = last.keep if last else None
    training = train(net, data, spec, order, graphed or run_eagerly, keep)
    filters = first_filters(net, data.train.images.shape[1])
    if training.first_nonfinite_step is not None and last:
        last.put_back(training.first_nonfinite_step)
    kept = replace(training, first_filters=filters, profile_start=start)
    reason = graphed.eager_reason if graphed else context.eager_reason
    message = reason and f"steps ran without a CUDA graph: {reason}"
    return replace(kept, profile_end=_profile(net, data)), message


def _profile(net: nn.Module, data: ResidentData) -> Profile | None:
    """None of a network that cannot be copied, or looked at: its training still can."""
    try:
        return profile_of(net, *sample(data))
    except Exception:  # in the user's own code
        return None


def graphed_steps(
    net: nn.Module, spec: TrialSpec, context: TrialContext
) -> Graphed | None:
    """What replays the steps of a trial; None where they are run eagerly."""
    captures = spec.device == "cuda" and context.eager_reason is None
    return Graphed(net, CudaRecorder()) if captures else None


@functools.cache
def _architectures(plugins: tuple[Path, ...]) -> Registry[Architecture]:
    return load_architectures(plugins)


def _data(
    spec: TrialSpec, context: TrialContext, architecture: Architecture
) -> tuple[ImageData, ResidentData]:
    data, resident = _loaded(spec.data, context.data_dir, spec.device)
    order = memory_format(architecture, spec)
    return data, replace(resident.under(spec), memory_format=order)


@functools.lru_cache(maxsize=1)
def _loaded(name: str, folder: Path, device: str) -> tuple[ImageData, ResidentData]:
    data = DATASETS[name].load(folder)
    return data, ResidentData.on(device, data)
