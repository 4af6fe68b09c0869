"""Training one network: epochs of SGD, an evaluation after each, nothing hidden."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from depthbench.record import EpochRecord
from depthbench.runtime import monotonic_seconds
from depthbench.spec import TrialSpec
from depthbench.training.resident import ResidentData, Split

# Steps between two readings of the loss. Reading it makes a GPU wait, and costs a
# CPU nothing. The losses of all steps are kept, so that the first bad one is exact.
_STEPS_PER_READING = {"cpu": 1, "cuda": 25}


@dataclass(frozen=True, slots=True)
class Training:
    """What happened in a training; see `TrialRecord` for the meaning of each."""

    epochs: tuple[EpochRecord, ...]
    first_nonfinite_step: int | None
    num_steps: int


class NonFiniteLoss(Exception):
    """The loss of `step`, counted from 0 within its epoch, was NaN or infinite."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


def train(
    net: nn.Module, data: ResidentData, spec: TrialSpec, order: Generator
) -> Training:
    """Train `net` in place as `spec` says; stop at the first non-finite loss.

    Args:
        net: On the device of `data`. Its output is the logits [N, num_classes], or a
            tuple of them, one a head; the loss is the mean of their cross entropies.
        data: Trained and tested on.
        spec: Epochs, batch size, optimizer and train mode.
        order: CPU generator of the order of the images; one permutation an epoch.
    """
    optimizer = torch.optim.SGD(
        net.parameters(),
        lr=spec.lr,
        momentum=spec.momentum,
        weight_decay=spec.weight_decay,
    )
    epochs: list[EpochRecord] = []
    steps_per_epoch = -(-len(data.train) // spec.batch_size)
    for epoch in range(spec.epochs):
        began = monotonic_seconds()
        if epoch == 0 or spec.train_mode == "every_epoch":
            net.train()
        batches = _shuffled(data.train, spec.batch_size, order)
        try:
            loss, error = _train_epoch(net, data, batches, optimizer)
        except NonFiniteLoss as bad:
            step = epoch * steps_per_epoch + bad.step
            return Training(tuple(epochs), step, step)
        test_loss, test_error = evaluate(net, data, spec.batch_size)
        epochs.append(
            EpochRecord(
                train_loss=loss,
                train_error=error,
                test_loss=test_loss,
                test_error=test_error,
                test_error_batch_stats=_error_with_batch_statistics(
                    net, data, spec.batch_size
                ),
                seconds=monotonic_seconds() - began,
            )
        )
    num_steps = spec.epochs * steps_per_epoch
    is_finite = all(bool(weight.isfinite().all()) for weight in net.parameters())
    return Training(tuple(epochs), None if is_finite else num_steps, num_steps)


def evaluate(
    net: nn.Module, data: ResidentData, batch_size: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean loss and error of each head on the test set, in evaluation mode.

    Leaves `net` in that mode, as the notebook's loop does; what happens then is the
    business of the caller.
    """
    net.eval()
    return _evaluate_as_is(net, data, batch_size)


@torch.no_grad()
def _evaluate_as_is(
    net: nn.Module, data: ResidentData, batch_size: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    sums = _HeadSums()
    for start in range(0, len(data.test), batch_size):
        part = slice(start, start + batch_size)
        labels = data.test.labels[part]
        heads = as_heads(net(data.normalized(data.test.images[part])))
        sums.add(heads, head_losses(heads, labels), labels)
    return sums.means()


def _error_with_batch_statistics(
    net: nn.Module, data: ResidentData, batch_size: int
) -> tuple[float, ...] | None:
    """Test error with BatchNorm in train mode, its running statistics untouched."""
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    tracking = [norm for norm in norms if norm.track_running_stats]
    if not tracking:
        return None
    for norm in tracking:
        norm.train()
        norm.track_running_stats = False
    try:
        return _evaluate_as_is(net, data, batch_size)[1]
    finally:
        for norm in tracking:
            norm.track_running_stats = True
            norm.eval()


def _shuffled(
    split: Split, batch_size: int, order: Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of one epoch; the last one holds what is left."""
    permutation = torch.randperm(len(split), generator=order).to(split.labels.device)
    for chosen in permutation.split(batch_size):
        yield split.images[chosen], split.labels[chosen]


def _train_epoch(
    net: nn.Module,
    data: ResidentData,
    batches: Iterator[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """One epoch; mean loss and error of each head over its images.

    Raises:
        NonFiniteLoss: At the first step whose loss is; found at most
            `_STEPS_PER_READING` steps later.
    """
    sums = _HeadSums()
    reader = _LossReader(_STEPS_PER_READING[data.mean.device.type])
    for images, labels in batches:
        heads = as_heads(net(data.normalized(images)))
        losses = head_losses(heads, labels)
        loss = losses.mean()
        reader.add(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.add(heads, losses.detach(), labels)
    reader.read()
    return sums.means()


def as_heads(output: Tensor | tuple[Tensor, ...] | list[Tensor]) -> tuple[Tensor, ...]:
    """The logits of each head, of a network with one head or several."""
    return (output,) if isinstance(output, Tensor) else tuple(output)


def head_losses(heads: tuple[Tensor, ...], labels: Tensor) -> Tensor:
    """Mean cross entropy of each head over a batch, in nats: [heads]."""
    return torch.stack([functional.cross_entropy(head, labels) for head in heads])


class _LossReader:
    """Reads the losses of many steps at once and stops at the first bad one."""

    def __init__(self, steps_per_reading: int) -> None:
        self._steps_per_reading = steps_per_reading
        self._num_read = 0
        self._unread: list[Tensor] = []

    def add(self, loss: Tensor) -> None:
        self._unread.append(loss)
        if len(self._unread) == self._steps_per_reading:
            self.read()

    def read(self) -> None:
        if not self._unread:
            return
        finite = torch.stack(self._unread).isfinite().tolist()
        if not all(finite):
            raise NonFiniteLoss(self._num_read + finite.index(False))
        self._num_read += len(self._unread)
        self._unread.clear()


class _HeadSums:
    """Sums of losses and errors over images, one entry a head, kept on the device."""

    def __init__(self) -> None:
        self._loss: Tensor | None = None
        self._wrong: Tensor | None = None
        self._num_images = 0

    def add(self, heads: tuple[Tensor, ...], losses: Tensor, labels: Tensor) -> None:
        """Add one batch; `losses` are its means, [heads]."""
        loss = losses.to(torch.float64) * len(labels)
        answers = torch.stack([head.argmax(1) for head in heads])
        wrong = (answers != labels).sum(1)
        self._loss = loss if self._loss is None else self._loss + loss
        self._wrong = wrong if self._wrong is None else self._wrong + wrong
        self._num_images += len(labels)

    def means(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        assert self._loss is not None and self._wrong is not None
        count = self._num_images
        return (
            tuple(value / count for value in self._loss.tolist()),
            tuple(value / count for value in self._wrong.tolist()),
        )
