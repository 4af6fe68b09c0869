"""What the worker processes of a benchmark do."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.architectures.stack import stack_of
from depthbench.bench import baseline
from depthbench.bench.clock import StepClock
from depthbench.bench.measurement import Work
from depthbench.bench.plan import Setting, Side
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData, Training, train
from depthbench.training.resident import Split
from depthbench.training.testing import Runner, run_eagerly
from depthbench.trial import TrialContext, graphed_steps, set_up

# Steps before those that are timed. On a GPU two are run eagerly, and one captured.
_NUM_WARM = {"cpu": 1, "cuda": 3}


def prepare(side: Side, num_threads: int) -> None:
    """Set up a process as its side does: ours as for a trial, theirs hardly at all."""
    if side is Side.BASELINE:
        torch.set_num_threads(num_threads)
    else:
        runtime.configure_process(num_threads)


def measure(setting: Setting, side: Side, context: TrialContext) -> Work:
    """Train once as `setting` says; network, first steps and data are set up before.

    Raises:
        ArithmeticError: If the loss becomes NaN or infinite.
        Exception: What training raises, out of memory for one.
    """
    with runtime.seeded_global_generators(*setting.spec.entropy, "bench"):
        if side is Side.BASELINE:
            return _measure_baseline(setting, context)
        return _measure_ours(setting, side, context)


def _measure_ours(setting: Setting, side: Side, context: TrialContext) -> Work:
    kernels = "fused" if side is Side.FUSED else "reference"
    spec = replace(setting.spec, kernels=kernels)  # type: ignore[arg-type]
    net, data = set_up(spec, context)
    runtime.reset_peak_memory(spec.device)
    run: Runner = graphed_steps(net, spec, context) or run_eagerly
    if setting.part in ("epoch", "trial"):
        return _measure_epochs(setting, spec, net, data, run)
    num_warm = _NUM_WARM[spec.device]
    num_steps = -(-setting.num_train_images // spec.batch_size)
    clock = StepClock(run, range(num_warm, num_warm + num_steps), spec.device)
    whole = replace(
        data,
        train=_over_and_over(data.train, (num_warm + num_steps) * spec.batch_size),
        test=_over_and_over(data.test, 1),  # `train` always tests
    )
    order = runtime.generator(*spec.entropy, "order")
    _check_finite(setting, _last_loss(train(net, whole, spec, order, clock)))
    return clock.work(num_steps * spec.batch_size)


def _measure_epochs(
    setting: Setting, spec: TrialSpec, net: nn.Module, data: ResidentData, run: Runner
) -> Work:
    first = _part(data, spec.batch_size, 1)
    train(
        net, first, replace(spec, epochs=1), runtime.generator(*spec.entropy, "order")
    )
    for parameter in net.parameters():
        # `train` moves parameters into one memory, as in a trial, only if each has a
        # memory of its own; the training above left them in one.
        parameter.data = parameter.data.clone()
    whole = _part(data, setting.num_train_images, setting.num_test_images)

    def work() -> float:
        order = runtime.generator(*spec.entropy, "order")
        return _last_loss(train(net, whole, spec, order, run))

    return _timed(setting, len(whole.train), work)


def _last_loss(training: Training) -> float:
    is_finite = training.first_nonfinite_step is None
    return training.epochs[-1].train_loss[-1] if is_finite else float("nan")


def _measure_baseline(setting: Setting, context: TrialContext) -> Work:
    spec = setting.spec
    model, data = baseline_set_up(setting, context)
    runtime.reset_peak_memory(spec.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=spec.lr, momentum=spec.momentum)
    batches: baseline.Batches
    tests: baseline.Batches | None = None
    if setting.part in ("epoch", "trial"):
        whole = _part(data, setting.num_train_images, setting.num_test_images)
        batches = _loader(whole, whole.train, spec.batch_size, shuffle=True)
        tests = _loader(whole, whole.test, spec.batch_size, shuffle=False)
    else:
        images = _over_and_over(data.train, setting.num_train_images)
        whole = replace(data, train=images)
        batches = ready_batches(whole, spec.batch_size)
    first = ready_batches(_part(data, spec.batch_size, 0), spec.batch_size)
    baseline.train(model, first, optimizer, spec.device)

    def work() -> float:
        loss = 0.0
        for _ in range(spec.epochs):
            loss, _ = baseline.train(model, batches, optimizer, spec.device)
            if tests is not None:
                baseline.test(model, tests, spec.device)
        return loss

    return _timed(setting, len(whole.train), work)


def _timed(setting: Setting, num_images: int, work: Callable[[], float]) -> Work:
    """Do the work, which returns a loss, and say what it took."""
    spec = setting.spec
    runtime.synchronize(spec.device)
    cpu_before, began = runtime.cpu_seconds(), runtime.monotonic_seconds()
    loss = work()
    runtime.synchronize(spec.device)
    ended = runtime.monotonic_seconds()
    _check_finite(setting, loss)
    return Work(
        began=began,
        ended=ended,
        cpu_seconds=runtime.cpu_seconds() - cpu_before,
        num_steps=spec.epochs * -(-num_images // spec.batch_size),
        num_images=spec.epochs * num_images,
        peak_memory_bytes=runtime.peak_memory_bytes(spec.device),
    )


def _check_finite(setting: Setting, loss: float) -> None:
    """Arithmetic on NaN may take another time."""
    if not math.isfinite(loss):
        raise ArithmeticError(f"the loss of {setting.name} is {loss}")


def baseline_set_up(
    setting: Setting, context: TrialContext
) -> tuple[baseline.Net, ResidentData]:
    """The network of a trial, as the baseline writes it, with the trial's weights.

    The data stays on the CPU, where a `DataLoader` takes it from.
    """
    spec = replace(setting.spec, device="cpu", kernels="reference")
    ours, data = set_up(spec, context)
    stack = stack_of(ARCHITECTURES[spec.architecture])
    assert stack is not None
    image_shape = cast(tuple[int, int, int], tuple(data.train.images.shape[1:]))
    num_classes = cast(nn.Linear, cast(ConvStackNet, ours).heads[-1]).out_features
    model = baseline.Net(stack, spec.depth, image_shape, num_classes)
    with torch.no_grad():
        for weight, same in zip(model.parameters(), ours.parameters(), strict=True):
            weight.copy_(same)
    return model.to(setting.spec.device), data


def ready_batches(data: ResidentData, batch_size: int) -> list[tuple[Tensor, Tensor]]:
    """The training images, normalised, in batches, in the order they have."""
    images = data.normalized(data.train.images).contiguous()
    pairs = zip(
        images.split(batch_size), data.train.labels.split(batch_size), strict=True
    )
    return list(pairs)


def _loader(
    data: ResidentData, split: Split, batch_size: int, *, shuffle: bool
) -> baseline.Batches:
    mean, std = (tuple(each.flatten().tolist()) for each in (data.mean, data.std))
    return baseline.make_loader(
        split.images, split.labels, mean, std, batch_size, shuffle=shuffle
    )


def _part(data: ResidentData, num_train: int, num_test: int) -> ResidentData:
    """The first images of a data set."""

    def first(split: Split, number: int) -> Split:
        return Split(split.images[:number], split.labels[:number])

    return replace(
        data, train=first(data.train, num_train), test=first(data.test, num_test)
    )


def _over_and_over(split: Split, number: int) -> Split:
    """As many images as are asked for, even of a small data set."""
    places = torch.arange(number, device=split.labels.device) % len(split)
    return Split(split.images[places], split.labels[places])
