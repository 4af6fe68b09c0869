"""Training one network: epochs of SGD, an evaluation after each, nothing hidden."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from depthbench.layers.conv_stack import ConvStackNet
from depthbench.record import EpochRecord, TracePoint
from depthbench.runtime import monotonic_seconds
from depthbench.spec import TrialSpec
from depthbench.training.batches import Means, Pass
from depthbench.training.flat import FlatParameters, Sgd
from depthbench.training.replicas import Replicas
from depthbench.training.resident import ResidentData
from depthbench.training.trace import traced

# Steps between two readings of the loss. Reading it makes a GPU wait, and costs a
# CPU nothing. The losses of all steps are kept, so that the first bad one is exact.
_STEPS_PER_READING = {"cpu": 1, "cuda": 25}

# Runs a step, given a key that is equal for steps that differ in nothing but what
# their tensors hold, and the step.
Runner = Callable[[Hashable, Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Training:
    """What happened in a training; see `TrialRecord` for the meaning of each."""

    epochs: tuple[EpochRecord, ...]
    first_nonfinite_step: int | None
    num_steps: int
    trace: tuple[TracePoint, ...]


def run_eagerly(key: Hashable, step: Callable[[], None]) -> None:
    """The runner that does nothing else."""
    del key
    step()


def train(
    net: nn.Module,
    data: ResidentData,
    spec: TrialSpec,
    order: Generator,
    run: Runner = run_eagerly,
) -> Training:
    """Train `net` in place as `spec` says; stop at the first non-finite loss.

    Args:
        net: On the device of `data`. Its output is the logits [N, num_classes], or a
            tuple of them, one a head; the loss is the mean of their cross entropies.
        data: Trained and tested on.
        spec: Epochs, batch size, optimizer and train mode.
        order: CPU generator of the order of the images; one permutation an epoch.
        run: Runs each step.
    """
    (training,) = _Trainer(net, data, spec, spec.lr, (order,), (), run).train()
    return training


def train_replicas(
    net: nn.Module,
    data: ResidentData,
    specs: Sequence[TrialSpec],
    orders: Sequence[Generator],
    run: Runner = run_eagerly,
) -> tuple[Training, ...]:
    """Train the replicas that `net` is made of, each as its spec says.

    None touches another: each has its own order, learning rate and first bad step, and
    the others do not notice when one diverges. Seconds are each one's share.

    Args:
        net: As for `train`, but every parameter, the images it takes and the logits
            it gives have a leading axis of replicas.
        data: Trained and tested on by all.
        specs: One a replica; they differ in nothing but seed and learning rate.
        orders: One a replica.
        run: Runs each step.
    """
    rates: float | Tensor = specs[0].lr
    if any(spec.lr != rates for spec in specs):
        column = [[spec.lr] for spec in specs]
        rates = torch.tensor(column, dtype=torch.float32, device=data.mean.device)
    return _Trainer(net, data, specs[0], rates, orders, (len(specs),), run).train()


def evaluate(net: nn.Module, data: ResidentData, batch_size: int) -> Means:
    """Mean loss and error of each head on the test set, in evaluation mode.

    Leaves `net` in that mode, as the notebook's loop does; what happens then is the
    business of the caller.
    """
    net.eval()
    (means,) = _tested(Pass(net, data, data.test, batch_size), "eval", run_eagerly)
    return means


@contextmanager
def batch_statistics(net: nn.Module) -> Iterator[bool]:
    """BatchNorm in train mode, its running statistics untouched; False without any."""
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    tracking = [norm for norm in norms if norm.track_running_stats]
    for norm in tracking:
        norm.train()
        norm.track_running_stats = False
    try:
        yield bool(tracking)
    finally:
        for norm in tracking:
            norm.track_running_stats = True
            norm.eval()


class _Trainer:
    """The replicas of one training, or the one network; see `train`."""

    def __init__(
        self,
        net: nn.Module,
        data: ResidentData,
        spec: TrialSpec,
        lr: float | Tensor,
        orders: Sequence[Generator],
        replicas: tuple[int, ...],
        run: Runner,
    ) -> None:
        self._net, self._spec, self._orders, self._run = net, spec, orders, run
        # Something in a user's module may look at a parameter's memory, and would
        # not see it move.
        is_ours = isinstance(net, ConvStackNet | Replicas)
        self._flat = FlatParameters(net.parameters(), replicas, may_move=is_ours)
        self._sgd = Sgd(lr, spec.momentum, spec.weight_decay)
        self._training = Pass(net, data, data.train, spec.batch_size, replicas)
        self._testing = Pass(net, data, data.test, spec.batch_size, replicas)
        self._steps_per_reading = _STEPS_PER_READING[data.mean.device.type]
        self._bad: list[int | None] = [None] * len(orders)
        self._traces: list[list[TracePoint]] = [[] for _ in orders]

    def train(self) -> tuple[Training, ...]:
        epochs: list[list[EpochRecord]] = [[] for _ in self._orders]
        for epoch in range(self._spec.epochs):
            began = monotonic_seconds()
            if epoch == 0 or self._spec.train_mode == "every_epoch":
                self._net.train()
            self._train_epoch(epoch * len(self._training.sizes))
            if None not in self._bad:
                break
            records = self._epoch_records()
            seconds = (monotonic_seconds() - began) / len(self._orders)
            for done, bad, record in zip(epochs, self._bad, records, strict=True):
                if bad is None:
                    done.append(record(seconds=seconds))
        num_steps = self._spec.epochs * len(self._training.sizes)
        return tuple(
            Training(
                epochs=tuple(done),
                first_nonfinite_step=bad if bad is not None or finite else num_steps,
                num_steps=num_steps if bad is None else bad,
                trace=tuple(trace),
            )
            for done, bad, finite, trace in zip(
                epochs, self._bad, self._are_finite(), self._traces, strict=True
            )
        )

    def _train_epoch(self, first_step: int) -> None:
        """One epoch, left at the reading that finds the last replica diverged."""
        permutations = [
            torch.randperm(self._training.order.shape[-1], generator=order)
            for order in self._orders
        ]
        self._training.order.copy_(
            torch.stack(permutations).view_as(self._training.order)
        )
        self._training.rewind()
        num_read, sizes = 0, self._training.sizes
        for num_done, num_images in enumerate(sizes, start=1):
            step = partial(self._training.train_step, num_images, self._flat, self._sgd)
            self._run(("train", self._net.training, num_images), step)
            if num_done % self._steps_per_reading == 0 or num_done == len(sizes):
                losses = self._training.losses[num_read:num_done]
                self._note_bad(losses, first_step + num_read)
                num_read = num_done
                if None not in self._bad:
                    break
        self._note_traces(first_step, num_read)

    def _note_bad(self, losses: Tensor, first_step: int) -> None:
        finite = losses.isfinite().view(len(losses), -1).T.tolist()
        for replica, steps in enumerate(finite):
            if self._bad[replica] is None and not all(steps):
                self._bad[replica] = first_step + steps.index(False)

    def _note_traces(self, first_step: int, num_steps: int) -> None:
        """Of the epoch's first steps; of a diverged replica, up to its last."""
        rows = (self._training.losses, self._training.gradient_norms)
        steps = [row[:num_steps].view(num_steps, -1).cpu() for row in rows]
        for replica, bad in enumerate(self._bad):
            end = num_steps if bad is None else min(num_steps, bad + 1 - first_step)
            losses, norms = (row[: max(end, 0), replica] for row in steps)
            self._traces[replica] += traced(losses, norms, first_step)

    def _epoch_records(self) -> list[Callable[..., EpochRecord]]:
        """The epoch of each replica, all but its seconds."""
        trained = self._training.means()
        self._net.eval()
        tested = _tested(self._testing, "eval", self._run)
        with batch_statistics(self._net) as has_norms:
            again = _tested(self._testing, "batch", self._run) if has_norms else None
        return [
            partial(
                EpochRecord,
                train_loss=trained[replica].loss,
                train_error=trained[replica].error,
                test_loss=tested[replica].loss,
                test_error=tested[replica].error,
                test_error_batch_stats=again[replica].error if again else None,
            )
            for replica in range(len(self._orders))
        ]

    def _are_finite(self) -> list[bool]:
        """Whether all weights of a replica are finite numbers."""
        checks = [
            weight.isfinite().reshape(len(self._orders), -1).all(1)
            for weight in self._net.parameters()
        ]
        return torch.stack(checks).all(0).tolist()


def _tested(testing: Pass, mode: str, run: Runner) -> list[Means]:
    """The means of one pass over the test set; `mode` names the network's."""
    testing.rewind()
    for num_images in testing.sizes:
        run(("test", mode, num_images), partial(testing.test_step, num_images))
    return testing.means()
