"""The learning rate of each epoch, where a step can read it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from depthbench.spec import TrialSpec


def rate_in(spec: TrialSpec, epoch: int) -> float:
    """The learning rate of an epoch, counted from 0; as PyTorch's `MultiStepLR`."""
    rate = spec.lr
    for milestone in spec.lr_milestones:
        if milestone <= epoch:
            rate *= spec.lr_gamma
    return rate


class LearningRate:
    """The rates of trainings side by side.

    Attributes:
        value: A plain number if there is one for all trainings and epochs. Otherwise a
            float64 tensor on the device, [] or [R, 1] with one for each training,
            that `begin_epoch` changes where it lies.

    Args:
        specs: One a training; they differ in nothing but seed and learning rate.
        device: Where steps read the rate.
    """

    value: float | Tensor

    def __init__(self, specs: Sequence[TrialSpec], device: torch.device) -> None:
        self._specs, self._milestones = specs, specs[0].lr_milestones
        self._is_shared = len({spec.lr for spec in specs}) == 1
        if self._is_shared and not self._milestones:
            self.value = specs[0].lr
        else:
            self.value = self._in(0).to(device)

    def begin_epoch(self, epoch: int) -> None:
        """Let the next steps be those of an epoch, counted from 0."""
        if isinstance(self.value, Tensor) and epoch in self._milestones:
            self.value.copy_(self._in(epoch))

    def _in(self, epoch: int) -> Tensor:
        rates = [[rate_in(spec, epoch)] for spec in self._specs]
        column = torch.tensor(rates, dtype=torch.float64)
        return column[0, 0] if self._is_shared else column
