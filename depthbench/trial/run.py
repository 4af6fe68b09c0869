"""One training, from its spec to its record."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.datasets import DATASETS
from depthbench.datasets.image_data import ImageData
from depthbench.kernels import compiled
from depthbench.plugins import load_architectures
from depthbench.record import Environment, Outcome, TrialRecord
from depthbench.registry import Registry
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData, Training, seconds_per_epoch, train
from depthbench.training.ended import record_of
from depthbench.training.filters import first_filters
from depthbench.training.graphed import CaptureError, CudaRecorder, Graphed
from depthbench.training.loop import train_replicas
from depthbench.training.replicas import Replicas
from depthbench.training.testing import run_eagerly
from depthbench.trial.failures import failure_of
from depthbench.trial.network import (
    build_network,
    check_logits,
    check_modes,
    memory_format,
    num_weight_layers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialContext:
    """What a process needs besides the spec; none of it may change the result.

    Attributes:
        data_dir: Where the data sets lie.
        plugins: Files that define further architectures.
        max_replicas: Trials trained at once; None for all that are asked for at once.
        eager_reason: Why the steps on a GPU are not captured; None captures them.
    """

    data_dir: Path
    plugins: tuple[Path, ...] = ()
    max_replicas: int | None = None
    eager_reason: str | None = None


def run_trial(spec: TrialSpec, context: TrialContext) -> TrialRecord:
    """Train one network once and say what happened; write nothing.

    Two calls with one spec on one machine, with the same versions and number of
    threads, give the same record, times and memory aside. A failure to measure (out
    of memory, an error in a user's architecture) is an outcome too, not an exception.

    Raises:
        ProcessUnusableError: If the device failed, or a capture; a new process may do
            better.
    """
    try:
        (record,) = _run((spec,), context)
    except CaptureError as error:
        instead = (run_trial, (spec, _after(error, 1, context)))
        raise runtime.ProcessUnusableError(str(error), instead) from error
    return record


def run_trials(specs: Sequence[TrialSpec], context: TrialContext) -> list[TrialRecord]:
    """`run_trial` of several, which differ in nothing but seed and learning rate.

    Stacks whose kernels know replicas are trained at once, or half as many at a time
    where memory does not suffice for all; other networks one after the other.

    Raises:
        ProcessUnusableError: As `run_trial`. After a failed capture it asks for the
            same trials again: fewer at once if memory was short, or else eagerly.
    """
    try:
        return _run(specs, context)
    except CaptureError as error:
        changed = _after(error, _num_at_once(specs, context), context)
        instead = (run_trials, (specs, changed))
        raise runtime.ProcessUnusableError(str(error), instead) from error


def _run(specs: Sequence[TrialSpec], context: TrialContext) -> list[TrialRecord]:
    size = _num_at_once(specs, context)
    if len(specs) > size:
        parts = [specs[at : at + size] for at in range(0, len(specs), size)]
        return [record for part in parts for record in _run(part, context)]
    try:
        with runtime.seeded_global_generators(*specs[0].entropy, "modules"):
            return _measure(specs, context)
    except CaptureError:
        raise
    except torch.AcceleratorError as error:
        # The device's context is lost, and with it every later trial of the process.
        raise runtime.ProcessUnusableError(str(error)) from error
    except (Exception, SystemExit) as error:
        outcome, message = failure_of(error)
    if outcome is Outcome.OUT_OF_MEMORY and size > 1:
        # Not in the handler: the error holds the memory of the frames it went through.
        return _run(specs, replace(context, max_replicas=size // 2))
    return [_failed(spec, outcome, message) for spec in specs]


def _num_at_once(specs: Sequence[TrialSpec], context: TrialContext) -> int:
    entry = _architectures(context.plugins).entries.get(specs[0].architecture)
    if entry is None or entry.stack is None or not specs[0].knows_replicas:
        return 1
    return min(len(specs), context.max_replicas or len(specs))


def _after(
    error: CaptureError, num_at_once: int, context: TrialContext
) -> TrialContext:
    """What a new process should do; this one may have lost memory by the capture."""
    if error.lacked_memory and num_at_once > 1:
        return replace(context, max_replicas=num_at_once // 2)
    return replace(context, eager_reason=str(error))


def time_layer_epoch(spec: TrialSpec, context: TrialContext) -> float:
    """Seconds that one layer takes for one epoch, timed on a few steps; an estimate."""
    with runtime.seeded_global_generators(*spec.entropy, "modules"):
        net, data = set_up(spec, context)
        return seconds_per_epoch(net, data, spec) / spec.depth


def set_up(spec: TrialSpec, context: TrialContext) -> tuple[nn.Module, ResidentData]:
    """The untrained network of a trial and its data, on their device.

    Raises:
        DataError: If the data set cannot be had.
        ValueError: If it says that it knows no modes, and does.
        Exception: What a user's builder raises.
    """
    architecture = _architectures(context.plugins)[spec.architecture]
    data, resident = _data(spec, context, architecture)
    net = build_network(architecture, spec, data)
    check_modes(net, architecture)
    return net, resident


def _measure(specs: Sequence[TrialSpec], context: TrialContext) -> list[TrialRecord]:
    spec = specs[0]
    architecture = _architectures(context.plugins)[spec.architecture]
    if architecture.plugin_sha256 != spec.plugin_sha256:
        raise ValueError(f"the file that defines {spec.architecture} was changed")
    data, resident = _data(spec, context, architecture)
    began = runtime.monotonic_seconds()
    runtime.reset_peak_memory(spec.device)
    nets = [build_network(architecture, each, data) for each in specs]
    check_modes(nets[0], architecture)
    check_logits(nets[0], resident, data.num_classes)
    trainings, message = _trained(nets, resident, specs, context)
    seconds = (runtime.monotonic_seconds() - began) / len(specs)
    shared: dict[str, Any] = {
        "num_weight_layers": num_weight_layers(architecture, spec.depth, nets[0]),
        "num_parameters": sum(weight.numel() for weight in nets[0].parameters()),
        "num_classes": data.num_classes,
        "data_sha256": data.sha256,
        "seconds": seconds,
        "peak_memory_bytes": runtime.peak_memory_bytes(spec.device),
        "num_train": len(resident.train),
        "message": message,
        "finished_at": runtime.utc_now(),
        "environment": _environment(spec),
    }
    return [
        record_of(each, training, **shared)
        for each, training in zip(specs, trainings, strict=True)
    ]


def _environment(spec: TrialSpec) -> Environment:
    is_native = spec.kernels == "fused" and spec.device == "cpu"
    return replace(
        runtime.capture_environment(spec.device),
        instruction_set=compiled.kernels()[0].name if is_native else None,
    )


def _trained(
    nets: Sequence[nn.Module],
    data: ResidentData,
    specs: Sequence[TrialSpec],
    context: TrialContext,
) -> tuple[tuple[Training, ...], str | None]:
    """The trainings, and why they ran eagerly if they did so on a GPU."""
    orders = [runtime.generator(*spec.entropy, "order") for spec in specs]
    stacks = cast(Sequence[ConvStackNet], nets)
    net = nets[0] if len(nets) == 1 else Replicas(stacks)
    graphed = graphed_steps(net, specs[0], context)
    run = graphed or run_eagerly
    if len(nets) == 1:
        trainings: tuple[Training, ...] = (train(net, data, specs[0], orders[0], run),)
    else:
        trainings = train_replicas(net, data, specs, orders, run)
    channels = data.train.images.shape[1]
    replicas = range(len(nets)) if len(nets) > 1 else [None]
    pictured = tuple(
        replace(training, first_filters=first_filters(net, channels, replica))
        for replica, training in zip(replicas, trainings, strict=True)
    )
    reason = graphed.eager_reason if graphed else context.eager_reason
    return pictured, reason and f"steps ran without a CUDA graph: {reason}"


def graphed_steps(
    net: nn.Module, spec: TrialSpec, context: TrialContext
) -> Graphed | None:
    """What replays the steps of a trial; None where they are run eagerly."""
    captures = spec.device == "cuda" and context.eager_reason is None
    return Graphed(net, CudaRecorder()) if captures else None


def _failed(spec: TrialSpec, outcome: Outcome, message: str) -> TrialRecord:
    return TrialRecord(
        spec=spec, outcome=outcome, message=message, finished_at=runtime.utc_now()
    )


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
