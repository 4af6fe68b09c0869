"""What is known of a training while it goes on: its trace and its first bad step."""

from collections.abc import Sequence

from torch import Tensor

from depthbench.record import EpochRecord, TracePoint
from depthbench.training.result import TIME_LIMIT, Training
from depthbench.training.trace import rounded, traced


class TrainingMonitor:
    """The trace of one training, and the step at which it diverged.

    Args:
        num_steps: Of a training in full.
    """

    def __init__(self, num_steps: int) -> None:
        self._num_steps = num_steps
        self._bad: int | None = None
        self._trace: list[TracePoint] = []
        self._losses: list[float] = []

    def goes_on(self) -> bool:
        """Whether it has not diverged."""
        return self._bad is None

    def note_bad(self, losses: Tensor, first_step: int) -> None:
        """See whether the training diverged in some consecutive steps.

        Args:
            losses: Of each step: [steps].
            first_step: Index of the first of them, from 0 over all epochs.
        """
        finite = losses.isfinite().tolist()
        if self.goes_on() and not all(finite):
            self._bad = first_step + finite.index(False)

    def extend_trace(self, losses: Tensor, norms: Tensor, first_step: int) -> None:
        """Add consecutive steps, those after a divergence left out.

        Args:
            losses: Of each step: [steps].
            norms: The same, of the gradient.
            first_step: Index of the first of them, from 0 over all epochs.
        """
        last = self._num_steps if self._bad is None else self._bad + 1
        end = max(min(len(losses), last - first_step), 0)
        losses = losses[:end].cpu()
        self._trace.extend(traced(losses, norms[:end].cpu(), first_step))
        self._losses.extend(rounded(loss, digits=3) for loss in losses.tolist())

    def training(
        self, epochs: Sequence[EpochRecord], num_steps: int, *, is_finite: bool
    ) -> Training:
        """What the training came to.

        Args:
            epochs: Completed; the last one as far as it went, if time was up.
            num_steps: Updates that were made.
            is_finite: Whether all weights are finite numbers after them.
        """
        bad = self._bad
        done = num_steps if bad is None else bad
        if bad is None and not is_finite:
            bad = num_steps
        is_cut = bad is None and num_steps < self._num_steps
        return Training(
            epochs=tuple(epochs),
            first_nonfinite_step=bad,
            num_steps=done,
            trace=tuple(self._trace),
            step_losses=tuple(self._losses),
            ended_by=TIME_LIMIT if is_cut else None,
        )
