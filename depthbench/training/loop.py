"""Training one network: epochs of steps, an evaluation after each, nothing hidden."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import MultiStepLR

from depthbench.architectures.layers.conv_stack import ConvStackNet
from depthbench.record import EpochRecord, EvaluationPoint
from depthbench.runtime import monotonic_seconds
from depthbench.spec import TrialSpec
from depthbench.spec.cadence import cadence_of
from depthbench.training.batches import DataPass, SplitMetrics
from depthbench.training.monitor import TrainingMonitor
from depthbench.training.penalty import penalized_weights
from depthbench.training.resident import ResidentData
from depthbench.training.result import Training
from depthbench.training.testing import (
    Runner,
    batch_statistics,
    run_eagerly,
    tested,
    unchanged,
)
from depthbench.training.time_limit import TimeLimit
from depthbench.training.updates import Updates, optimizer_of

# Steps between two readings of the loss. Reading it makes a GPU wait, and costs a
# CPU nothing. The losses of all steps are kept, so that the first bad one is exact.
_STEPS_PER_READING = {"cpu": 1, "cuda": 25}


def train(
    net: nn.Module,
    data: ResidentData,
    spec: TrialSpec,
    order: Generator,
    run: Runner = run_eagerly,
    before_step: Callable[[], None] | None = None,
) -> Training:
    """Train `net` in place as `spec` says; stop at the first non-finite loss.

    When its time is up, the training ends at the next reading of the loss, and the
    epoch is measured as far as it went.

    Args:
        net: On the device of `data`. Its output is the logits [N, num_classes], or a
            tuple of them, one per head; the loss is the mean of their cross entropies.
        data: Trained and tested on.
        spec: Epochs, batch size, optimizer, penalty, schedule, limit and train mode.
        order: CPU generator of the order of the images; one permutation an epoch.
        run: Runs each step.
        before_step: Called before each step; must change nothing.
    """
    return _Trainer(net, data, spec, order, run, before_step).train()


class _Trainer:
    """See `train`."""

    def __init__(
        self,
        net: nn.Module,
        data: ResidentData,
        spec: TrialSpec,
        order: Generator,
        run: Runner,
        before_step: Callable[[], None] | None,
    ) -> None:
        self._net, self._spec, self._order, self._run = net, spec, order, run
        self._before_step = before_step
        self._updates = Updates(
            net.parameters(),
            partial(optimizer_of, spec),
            penalized=penalized_weights(net) if spec.l2 else (),
            l2=spec.l2,
            # Something in a user's module may look at a parameter's memory, and would
            # not see it move.
            may_move=isinstance(net, ConvStackNet),
        )
        self._schedule = MultiStepLR(
            self._updates.optimizer, spec.lr_milestones, spec.lr_gamma
        )
        self._training = DataPass(net, data, data.train, spec.batch_size)
        self._testing = DataPass(net, data, data.test, spec.batch_size)
        self._testing_norms = DataPass(
            net, data, data.test, spec.batch_size, joins_one=True
        )
        self._validating = (
            DataPass(net, data, data.validation, spec.batch_size)
            if data.validation
            else None
        )
        # Tested on in order; the other has its own order, and results that count.
        self._retesting = (
            DataPass(net, data, data.train, spec.batch_size)
            if spec.train_after
            else None
        )
        self._steps_per_reading = _STEPS_PER_READING[data.mean.device.type]
        num_steps = spec.epochs * len(self._training.sizes)
        self._monitor = TrainingMonitor(num_steps)
        self._cadence = cadence_of(spec.test_every)
        self._tests: list[EvaluationPoint] = []
        self._limit = TimeLimit(spec.max_train_seconds)
        self._began = 0.0

    def train(self) -> Training:
        epochs: list[EpochRecord] = []
        if self._spec.test_every is not None:
            with unchanged(self._net):
                self._test(0)
        for epoch in range(self._spec.epochs):
            self._began = monotonic_seconds()
            if epoch == 0 or self._spec.train_mode == "every_epoch":
                self._net.train()
            first_step = epoch * len(self._training.sizes)
            num_done, is_over = self._train_epoch(first_step)
            self._schedule.step()
            if not self._monitor.goes_on():
                break
            is_tested = is_over or self._cadence.is_after_epoch(
                epoch + 1, self._spec.epochs
            )
            with self._limit.paused():
                epochs.append(self._epoch_record(num_done, is_tested=is_tested))
            if is_over:
                break
        training = self._monitor.training(
            epochs, first_step + num_done, is_finite=self._is_finite()
        )
        return replace(training, tests=tuple(self._tests))

    def _test(self, num_steps: int) -> None:
        """Test within an epoch; leaves the network in the mode it was in."""
        mode = self._net.training
        with self._limit.paused():
            self._net.eval()
            means = self._tested_on_held_out() or self._tested()
            self._net.train(mode)
        self._tests.append(EvaluationPoint(num_steps, means.loss, means.error))

    def _train_epoch(self, first_step: int) -> tuple[int, bool]:
        """One epoch, left at the reading that finds that the training has ended.

        Returns:
            The steps made, and whether time is up.
        """
        order = self._training.order
        order.copy_(torch.randperm(len(order), generator=self._order))
        self._training.rewind()
        num_read, sizes, is_over = 0, self._training.sizes, False
        # A captured step has its learning rate as a constant.
        kind = ("train", self._net.training, *self._schedule.get_last_lr())
        for num_done, num_images in enumerate(sizes, start=1):
            step = partial(self._training.train_step, num_images, self._updates)
            if self._before_step is not None:
                self._before_step()
            if first_step + num_done <= self._spec.warmup:
                self._warm_up(first_step + num_done, step)
            else:
                self._run((*kind, num_images), step)
            is_test = self._is_test(first_step, num_done)
            if is_test or self._is_reading(num_done):
                losses = self._training.minimized[num_read:num_done]
                self._monitor.note_bad(losses, first_step + num_read)
                num_read = num_done
                # After the losses were read, so that a GPU has done these steps.
                is_over = self._limit.is_over()
                if is_over or not self._monitor.goes_on():
                    break
                if is_test:
                    self._test(first_step + num_done)
        self._monitor.extend_trace(*self._steps(num_read), first_step)
        return num_read, is_over

    def _warm_up(self, number: int, step: Callable[[], None]) -> None:
        """The step of this number, from 1, at its share of the learning rate.

        Never captured, as each has another rate. Goyal et al., "Accurate, large
        minibatch SGD", 2017, section 2.2.
        """
        groups = self._updates.optimizer.param_groups
        rates = [group["lr"] for group in groups]
        for group in groups:
            group["lr"] *= number / self._spec.warmup
        step()
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate

    def _is_test(self, first_step: int, num_done: int) -> bool:
        """Whether the network is tested after a step that does not end the epoch."""
        is_last = num_done == len(self._training.sizes)
        every = self._cadence.num_steps
        at = first_step + num_done
        return not is_last and every is not None and at % every == 0

    def _is_reading(self, num_done: int) -> bool:
        is_last = num_done == len(self._training.sizes)
        return is_last or num_done % self._steps_per_reading == 0

    def _steps(self, num_steps: int) -> tuple[Tensor, Tensor]:
        """Losses and norms of the first steps of the epoch."""
        training = self._training
        return training.losses[:num_steps], training.gradient_norms[:num_steps]

    def _epoch_record(self, num_steps: int, *, is_tested: bool) -> EpochRecord:
        """The epoch, as far as it went; leaves the network in evaluation mode."""
        trained = self._training.means(num_steps)
        self._net.eval()
        tests = self._epoch_tests() if is_tested else {}
        return EpochRecord(
            train_loss=trained.loss,
            train_error=trained.error,
            **tests,
            seconds=monotonic_seconds() - self._began,
        )

    def _epoch_tests(self) -> dict[str, tuple[float, ...] | None]:
        """What an epoch's record says of all tests after it, by name."""
        plain, held_out = self._tested(), self._tested_on_held_out()
        after = self._retesting and tested(self._retesting, "train", self._run)
        with batch_statistics(self._net) as has_norms:
            norms = self._testing_norms if has_norms else None
            again = norms and tested(norms, "batch", self._run)
        return {
            "test_loss": plain.loss,
            "test_error": plain.error,
            "test_error_batch_stats": again.error if again else None,
            "validation_loss": held_out.loss if held_out else None,
            "validation_error": held_out.error if held_out else None,
            "train_loss_after": after.loss if after else None,
            "train_error_after": after.error if after else None,
        }

    def _tested(self) -> SplitMetrics:
        return tested(self._testing, "eval", self._run)

    def _tested_on_held_out(self) -> SplitMetrics | None:
        """None where no images are held out."""
        split = self._validating
        return tested(split, "validation", self._run) if split else None

    def _is_finite(self) -> bool:
        """Whether all weights are finite numbers."""
        checks = [weight.isfinite().all() for weight in self._net.parameters()]
        return bool(torch.stack(checks).all())
