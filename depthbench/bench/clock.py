"""The clock of training steps alone."""

import itertools
from collections.abc import Callable, Hashable
from typing import cast

from depthbench import runtime
from depthbench.bench.measurement import Work
from depthbench.training.testing import Runner


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
