"""Training one network: epochs of SGD, an evaluation after each, nothing hidden."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Generator, Tensor, nn

from depthbench.layers.conv_stack import ConvStackNet
from depthbench.record import EpochRecord, TracePoint
from depthbench.runtime import monotonic_seconds
from depthbench.spec import TrialSpec
from depthbench.stop_rules import rule_named
from depthbench.training.batches import Pass
from depthbench.training.ended import Stop, Training
from depthbench.training.flat import FlatParameters, Sgd
from depthbench.training.replicas import Replicas
from depthbench.training.resident import ResidentData
from depthbench.training.testing import (
    Runner,
    batch_statistics,
    run_eagerly,
    tested,
)
from depthbench.training.trace import ends_point, traced

# Steps between two readings of the loss. Reading it makes a GPU wait, and costs a
# CPU nothing. The losses of all steps are kept, so that the first bad one is exact.
_STEPS_PER_READING = {"cpu": 1, "cuda": 25}


def train(
    net: nn.Module,
    data: ResidentData,
    spec: TrialSpec,
    order: Generator,
    run: Runner = run_eagerly,
) -> Training:
    """Train `net` in place as `spec` says; stop at the first non-finite loss.

    The stop rules of the spec, if it has any, are asked after each point of the trace
    but the last one of the training.

    Args:
        net: On the device of `data`. Its output is the logits [N, num_classes], or a
            tuple of them, one a head; the loss is the mean of their cross entropies.
        data: Trained and tested on.
        spec: Epochs, batch size, optimizer, train mode and stop rules.
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
    the others do not notice when one diverges or is stopped. Seconds are each one's
    share.

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
        self._validating = data.validation and Pass(
            net, data, data.validation, spec.batch_size, replicas
        )
        self._steps_per_reading = _STEPS_PER_READING[data.mean.device.type]
        self._num_classes = data.num_classes
        self._rules = [rule_named(name) for name in spec.stop_rules]
        self._num_steps = spec.epochs * len(self._training.sizes)
        self._began = 0.0
        self._bad: list[int | None] = [None] * len(orders)
        self._stops: list[Stop | None] = [None] * len(orders)
        self._traces: list[list[TracePoint]] = [[] for _ in orders]

    def train(self) -> tuple[Training, ...]:
        epochs: list[list[EpochRecord]] = [[] for _ in self._orders]
        for epoch in range(self._spec.epochs):
            self._began = monotonic_seconds()
            if epoch == 0 or self._spec.train_mode == "every_epoch":
                self._net.train()
            self._train_epoch(epoch * len(self._training.sizes))
            if not any(self._go_on()):
                break
            records = self._epoch_records()
            for done, goes_on, record in zip(
                epochs, self._go_on(), records, strict=True
            ):
                if goes_on:
                    done.append(record)
        finite = self._are_finite()
        return tuple(
            self._result(replica, tuple(done), is_finite=finite[replica])
            for replica, done in enumerate(epochs)
        )

    def _result(
        self, replica: int, epochs: tuple[EpochRecord, ...], *, is_finite: bool
    ) -> Training:
        bad, stop = self._bad[replica], self._stops[replica]
        num_steps = self._num_steps if bad is None else bad
        if bad is None and stop is None and not is_finite:
            bad = num_steps
        return Training(
            epochs=epochs,
            first_nonfinite_step=bad,
            num_steps=num_steps if stop is None else stop.num_steps,
            trace=tuple(self._traces[replica]),
            stop=stop,
        )

    def _go_on(self) -> list[bool]:
        """Whether a replica has neither diverged nor been stopped."""
        ends = zip(self._bad, self._stops, strict=True)
        return [bad is None and stop is None for bad, stop in ends]

    def _train_epoch(self, first_step: int) -> None:
        """One epoch, left at the reading that finds that the last replica has ended."""
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
            may_stop = bool(self._rules) and ends_point(num_done, len(sizes))
            if may_stop or self._is_reading(num_done):
                losses = self._training.losses[num_read:num_done]
                self._note_bad(losses, first_step + num_read)
                num_read = num_done
                if may_stop:
                    self._note_stops(first_step, num_done)
                if not any(self._go_on()):
                    break
        for replica, points in enumerate(self._points(first_step, num_read)):
            self._traces[replica] += points

    def _is_reading(self, num_done: int) -> bool:
        is_last = num_done == len(self._training.sizes)
        return is_last or num_done % self._steps_per_reading == 0

    def _note_bad(self, losses: Tensor, first_step: int) -> None:
        finite = losses.isfinite().view(len(losses), -1).T.tolist()
        for replica, goes_on in enumerate(self._go_on()):
            if goes_on and not all(finite[replica]):
                self._bad[replica] = first_step + finite[replica].index(False)

    def _note_stops(self, first_step: int, num_done: int) -> None:
        """Ask the rules, and test once if one of them ends a replica."""
        if first_step + num_done == self._num_steps:
            return
        fired: dict[int, str] = {}
        points = self._points(first_step, num_done)
        for replica, goes_on in enumerate(self._go_on()):
            trace = self._traces[replica] + points[replica]
            for rule in self._rules if goes_on else ():
                if rule.fires(trace, self._num_classes):
                    fired.setdefault(replica, rule.name)
        if not fired:
            return
        mode = self._net.training
        records = self._epoch_records(num_done)
        self._net.train(mode)
        for replica, rule_name in fired.items():
            num_steps = first_step + num_done
            self._stops[replica] = Stop(rule_name, num_steps, records[replica])

    def _points(self, first_step: int, num_steps: int) -> list[list[TracePoint]]:
        """Of the epoch's first steps; of a replica that ended, up to its last."""
        rows = (self._training.losses, self._training.gradient_norms)
        steps = [row[:num_steps].view(num_steps, -1).cpu() for row in rows]
        points = []
        for replica, (bad, stop) in enumerate(zip(self._bad, self._stops, strict=True)):
            last = self._num_steps if stop is None else stop.num_steps
            last = last if bad is None else bad + 1
            end = max(min(num_steps, last - first_step), 0)
            losses, norms = (row[:end, replica] for row in steps)
            points.append(list(traced(losses, norms, first_step)))
        return points

    def _epoch_records(self, num_steps: int | None = None) -> list[EpochRecord]:
        """The epoch of each replica, or its first steps if these were all."""
        trained = self._training.means(num_steps)
        self._net.eval()
        plain = tested(self._testing, "eval", self._run)
        held_out = self._validating and tested(
            self._validating, "validation", self._run
        )
        with batch_statistics(self._net) as has_norms:
            again = tested(self._testing, "batch", self._run) if has_norms else None
        seconds = (monotonic_seconds() - self._began) / len(self._orders)
        return [
            EpochRecord(
                train_loss=trained[replica].loss,
                train_error=trained[replica].error,
                test_loss=plain[replica].loss,
                test_error=plain[replica].error,
                test_error_batch_stats=again[replica].error if again else None,
                validation_loss=held_out[replica].loss if held_out else None,
                validation_error=held_out[replica].error if held_out else None,
                seconds=seconds,
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
