"""What the worker processes of a benchmark do."""

import itertools
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.architectures import ARCHITECTURES
from depthbench.bench import notebook_way
from depthbench.bench.plan import Setting, Side
from depthbench.layers.conv_stack import ConvStackNet
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData, Training, train
from depthbench.training.resident import Split
from depthbench.training.testing import Runner, run_eagerly
from depthbench.trial import TrialContext, graphed_steps, set_up

# Steps before those that are timed. On a GPU two are run eagerly, and one captured.
_NUM_WARM = {"cpu": 1, "cuda": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one process did in one round.

    Attributes:
        began: On `runtime.monotonic_seconds`, which all processes share.
        ended: The same.
        cpu_seconds: Of processor time in between, over all threads.
        num_steps: Updates made.
        num_images: Trained on.
        fastest_step_seconds: Of a single step on a CPU, of the mean one on a GPU; None
            where steps were not told apart.
        peak_memory_bytes: Of the process with torch and data, or of a GPU's allocator.
    """

    began: float
    ended: float
    cpu_seconds: float
    num_steps: int
    num_images: int
    fastest_step_seconds: float | None = None
    peak_memory_bytes: int


def prepare(side: Side, num_threads: int) -> None:
    """Set up a process as its side does: ours as for a trial, theirs hardly at all."""
    if side is Side.NOTEBOOK:
        torch.set_num_threads(num_threads)
    else:
        runtime.configure_process(num_threads)


def measure(setting: Setting, side: Side, context: TrialContext) -> Work:
    """Train once as `setting` says; network, first steps and data are set up before.

    Raises:
        ArithmeticError: If the loss becomes NaN or infinite.
        Exception: What training raises, out of memory for one.
    """
    with runtime.seeded_global_generators(setting.spec.seed, "bench"):
        if side is Side.NOTEBOOK:
            return _measure_notebook_way(setting, context)
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
    order = runtime.generator(spec.seed, "order")
    _check_finite(setting, _last_loss(train(net, whole, spec, order, clock)))
    return clock.work(num_steps * spec.batch_size)


def _measure_epochs(
    setting: Setting, spec: TrialSpec, net: nn.Module, data: ResidentData, run: Runner
) -> Work:
    first = _part(data, spec.batch_size, 1)
    train(net, first, replace(spec, epochs=1), runtime.generator(spec.seed, "order"))
    for parameter in net.parameters():
        # `train` moves parameters into one memory, as in a trial, only if each has a
        # memory of its own; the training above left them in one.
        parameter.data = parameter.data.clone()
    whole = _part(data, setting.num_train_images, setting.num_test_images)

    def work() -> float:
        order = runtime.generator(spec.seed, "order")
        return _last_loss(train(net, whole, spec, order, run))

    return _timed(setting, len(whole.train), work)


def _last_loss(training: Training) -> float:
    is_finite = training.first_nonfinite_step is None
    return training.epochs[-1].train_loss[-1] if is_finite else float("nan")


def _measure_notebook_way(setting: Setting, context: TrialContext) -> Work:
    spec = setting.spec
    model, data = notebook_set_up(setting, context)
    runtime.reset_peak_memory(spec.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=spec.lr, momentum=spec.momentum)
    whole = _part(data, setting.num_train_images, setting.num_test_images)
    batches: notebook_way.Batches
    tests: notebook_way.Batches | None = None
    if setting.part in ("epoch", "trial"):
        batches = _loader(whole, whole.train, spec.batch_size)
        tests = _loader(whole, whole.test, spec.batch_size)
    else:
        batches = ready_batches(whole, spec.batch_size)
    first = ready_batches(_part(data, spec.batch_size, 0), spec.batch_size)
    notebook_way.train(model, first, optimizer, spec.device)

    def work() -> float:
        loss = 0.0
        for _ in range(spec.epochs):
            loss, _ = notebook_way.train(model, batches, optimizer, spec.device)
            if tests is not None:
                notebook_way.test(model, tests, spec.device)
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


class StepClock:
    """A runner of a training (see `training.loop`) that times some training steps.

    What is done once a training is left out: making the optimizer's buffers, the test.

    Args:
        run: What runs the steps.
        timed: Numbers of the steps; the ones before warm up.
        device: That they run on.
    """

    def __init__(self, run: Runner, timed: range, device: str) -> None:
        self._run, self._timed, self._device = run, timed, device
        self._num_begun = 0
        # Steps begun, wall clock and processor time, at the ends of what is timed; on a
        # CPU, which has done a step when it returns, after each step as well.
        self._marks: list[tuple[int, float, float]] = []

    def __call__(self, key: Hashable, step: Callable[[], None]) -> None:
        """Run the step."""
        if cast(tuple[str, ...], key)[0] != "train":
            self._run(key, step)
            return
        if self._num_begun == self._timed.start:
            self._mark()
        self._num_begun += 1
        self._run(key, step)
        is_last = self._num_begun == self._timed.stop
        if is_last or (self._num_begun - 1 in self._timed and self._device == "cpu"):
            self._mark()

    def work(self, num_images: int) -> Work:
        """What the timed steps took, which trained on that many images."""
        first, last = self._marks[0], self._marks[-1]
        return Work(
            began=first[1],
            ended=last[1],
            cpu_seconds=last[2] - first[2],
            num_steps=len(self._timed),
            num_images=num_images,
            fastest_step_seconds=min(
                (after[1] - before[1]) / (after[0] - before[0])
                for before, after in itertools.pairwise(self._marks)
            ),
            peak_memory_bytes=runtime.peak_memory_bytes(self._device),
        )

    def _mark(self) -> None:
        runtime.synchronize(self._device)
        now = runtime.monotonic_seconds(), runtime.cpu_seconds()
        self._marks.append((self._num_begun, *now))


def notebook_set_up(
    setting: Setting, context: TrialContext
) -> tuple[notebook_way.Net, ResidentData]:
    """The network of a trial, written the notebook's way, with the trial's weights.

    The data stays on the CPU, where a `DataLoader` takes it from.
    """
    spec = replace(setting.spec, device="cpu", kernels="reference")
    ours, data = set_up(spec, context)
    stack = ARCHITECTURES[spec.architecture].stack
    assert stack is not None
    image_shape = cast(tuple[int, int, int], tuple(data.train.images.shape[1:]))
    num_classes = cast(nn.Linear, cast(ConvStackNet, ours).heads[-1]).out_features
    model = notebook_way.Net(stack, spec.depth, image_shape, num_classes)
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


def _loader(data: ResidentData, split: Split, batch_size: int) -> notebook_way.Batches:
    mean, std = (tuple(each.flatten().tolist()) for each in (data.mean, data.std))
    return notebook_way.make_loader(split.images, split.labels, mean, std, batch_size)


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
