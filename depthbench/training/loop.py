"""Training one network: epochs of steps, an evaluation after each, nothing hidden."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Generator, Tensor, nn

from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.record import EpochRecord
from depthbench.runtime import monotonic_seconds
from depthbench.spec import TrialSpec
from depthbench.training.batches import Pass
from depthbench.training.ended import Training
from depthbench.training.flat import FlatParameters
from depthbench.training.optimizers import optimizer_of
from depthbench.training.penalty import penalized_weights
from depthbench.training.replicas import Replicas
from depthbench.training.resident import ResidentData
from depthbench.training.schedule import LearningRate
from depthbench.training.testing import (
    Runner,
    batch_statistics,
    run_eagerly,
    tested,
)
from depthbench.training.time_limit import TimeLimit
from depthbench.training.watch import Watch

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

    When its time is up, the training ends at the next reading of the loss, and the
    epoch is measured as far as it went.

    Args:
        net: On the device of `data`. Its output is the logits [N, num_classes], or a
            tuple of them, one a head; the loss is the mean of their cross entropies.
        data: Trained and tested on.
        spec: Epochs, batch size, optimizer, penalty, schedule, limit and train mode.
        order: CPU generator of the order of the images; one permutation an epoch.
        run: Runs each step.
    """
    (training,) = _Trainer(net, data, (spec,), (order,), (), run).train()
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
    return _Trainer(net, data, specs, orders, (len(specs),), run).train()


class _Trainer:
    """The replicas of one training, or the one network; see `train`."""

    def __init__(
        self,
        net: nn.Module,
        data: ResidentData,
        specs: Sequence[TrialSpec],
        orders: Sequence[Generator],
        replicas: tuple[int, ...],
        run: Runner,
    ) -> None:
        self._net, self._orders, self._run = net, orders, run
        self._spec = spec = specs[0]
        self._rate = LearningRate(specs, data.mean.device)
        self._optimizer = optimizer_of(spec, self._rate.value)
        self._flat = FlatParameters(
            net.parameters(),
            replicas,
            optimizer=type(self._optimizer),
            penalized=penalized_weights(net) if spec.l2 else (),
            l2=spec.l2,
            # Something in a user's module may look at a parameter's memory, and would
            # not see it move.
            may_move=isinstance(net, ConvStackNet | Replicas),
        )
        self._training = Pass(net, data, data.train, spec.batch_size, replicas)
        self._testing = Pass(net, data, data.test, spec.batch_size, replicas)
        self._validating = data.validation and Pass(
            net, data, data.validation, spec.batch_size, replicas
        )
        self._steps_per_reading = _STEPS_PER_READING[data.mean.device.type]
        num_steps = spec.epochs * len(self._training.sizes)
        self._watch = Watch(len(orders), num_steps)
        self._limit = TimeLimit(spec.max_train_seconds)
        self._began = 0.0

    def train(self) -> tuple[Training, ...]:
        epochs: list[list[EpochRecord]] = [[] for _ in self._orders]
        for epoch in range(self._spec.epochs):
            self._began = monotonic_seconds()
            if epoch == 0 or self._spec.train_mode == "every_epoch":
                self._net.train()
            self._rate.begin_epoch(epoch)
            first_step = epoch * len(self._training.sizes)
            num_done, is_over = self._train_epoch(first_step)
            if not any(self._watch.go_on()):
                break
            with self._limit.paused():
                records = self._epoch_records(num_done)
            for done, goes_on, record in zip(
                epochs, self._watch.go_on(), records, strict=True
            ):
                if goes_on:
                    done.append(record)
            if is_over:
                break
        finite = self._are_finite()
        return tuple(
            self._watch.training(
                replica, done, first_step + num_done, is_finite=finite[replica]
            )
            for replica, done in enumerate(epochs)
        )

    def _train_epoch(self, first_step: int) -> tuple[int, bool]:
        """One epoch, left at the reading that finds that the last replica has ended.

        Returns:
            The steps made, and whether time is up.
        """
        permutations = [
            torch.randperm(self._training.order.shape[-1], generator=order)
            for order in self._orders
        ]
        self._training.order.copy_(
            torch.stack(permutations).view_as(self._training.order)
        )
        self._training.rewind()
        num_read, sizes, is_over = 0, self._training.sizes, False
        for num_done, num_images in enumerate(sizes, start=1):
            step = partial(
                self._training.train_step, num_images, self._flat, self._optimizer
            )
            self._run(("train", self._net.training, num_images), step)
            if self._is_reading(num_done):
                losses = self._training.minimized[num_read:num_done]
                self._watch.note_bad(losses, first_step + num_read)
                num_read = num_done
                # After the losses were read, so that a GPU has done these steps.
                is_over = self._limit.is_over()
                if is_over or not any(self._watch.go_on()):
                    break
        points = self._watch.points(*self._steps(num_read), first_step)
        self._watch.extend_traces(points)
        return num_read, is_over

    def _is_reading(self, num_done: int) -> bool:
        is_last = num_done == len(self._training.sizes)
        return is_last or num_done % self._steps_per_reading == 0

    def _steps(self, num_steps: int) -> tuple[Tensor, Tensor]:
        """Losses and norms of the first steps of the epoch."""
        training = self._training
        return training.losses[:num_steps], training.gradient_norms[:num_steps]

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
