"""What is known of replicas while they are trained: their traces and their ends."""

from collections.abc import Sequence

from torch import Tensor

from depthbench.record import EpochRecord, TracePoint
from depthbench.training.ended import TIME_LIMIT, Training
from depthbench.training.trace import traced


class Watch:
    """The replicas of one training, or the one network.

    Args:
        num_replicas: 1 for one network.
        num_steps: Of a training in full.
    """

    def __init__(self, num_replicas: int, num_steps: int) -> None:
        self._num_steps = num_steps
        self._bad: list[int | None] = [None] * num_replicas
        self._traces: list[list[TracePoint]] = [[] for _ in range(num_replicas)]

    def go_on(self) -> list[bool]:
        """Whether a replica has not diverged."""
        return [bad is None for bad in self._bad]

    def note_bad(self, losses: Tensor, first_step: int) -> None:
        """See which replicas diverged in some consecutive steps.

        Args:
            losses: Of each step: [steps, *replicas].
            first_step: Index of the first of them, from 0 over all epochs.
        """
        finite = losses.isfinite().view(len(losses), -1).T.tolist()
        for replica, goes_on in enumerate(self.go_on()):
            if goes_on and not all(finite[replica]):
                self._bad[replica] = first_step + finite[replica].index(False)

    def points(
        self, losses: Tensor, norms: Tensor, first_step: int
    ) -> list[list[TracePoint]]:
        """Of the first steps of an epoch; of a replica that ended, up to its last.

        Args:
            losses: Of each of these steps: [steps, *replicas].
            norms: The same, of the gradient.
            first_step: Index of the first of them, from 0 over all epochs.
        """
        num_steps = len(losses)
        steps = [row.view(num_steps, -1).cpu() for row in (losses, norms)]
        points = []
        for replica, bad in enumerate(self._bad):
            last = self._num_steps if bad is None else bad + 1
            end = max(min(num_steps, last - first_step), 0)
            losses_of, norms_of = (row[:end, replica] for row in steps)
            points.append(list(traced(losses_of, norms_of, first_step)))
        return points

    def extend_traces(self, points: Sequence[Sequence[TracePoint]]) -> None:
        """Add the points of an epoch, by replica."""
        for trace, added in zip(self._traces, points, strict=True):
            trace.extend(added)

    def training(
        self,
        replica: int,
        epochs: Sequence[EpochRecord],
        num_steps: int,
        *,
        is_finite: bool,
    ) -> Training:
        """What the training of a replica came to.

        Args:
            replica: Which one.
            epochs: That it completed; the last one as far as it went, if time was up.
            num_steps: Updates that were made.
            is_finite: Whether all weights are finite numbers after them.
        """
        bad = self._bad[replica]
        done = num_steps if bad is None else bad
        if bad is None and not is_finite:
            bad = num_steps
        is_cut = bad is None and num_steps < self._num_steps
        return Training(
            epochs=tuple(epochs),
            first_nonfinite_step=bad,
            num_steps=done,
            trace=tuple(self._traces[replica]),
            ended_by=TIME_LIMIT if is_cut else None,
        )
