"""The learning rate of each epoch, where a step can read it."""

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
    """The rate of a training.

    Attributes:
        value: A plain number if all epochs have the same. Otherwise a float64 tensor
            [] on the device, that `begin_epoch` changes in place.

    Args:
        spec: Of the training.
        device: Where steps read the rate.
    """

    value: float | Tensor

    def __init__(self, spec: TrialSpec, device: torch.device) -> None:
        self._spec = spec
        self.value = spec.lr
        if spec.lr_milestones:
            self.value = torch.tensor(spec.lr, dtype=torch.float64, device=device)

    def begin_epoch(self, epoch: int) -> None:
        """Let the next steps be those of an epoch, counted from 0."""
        if isinstance(self.value, Tensor) and epoch in self._spec.lr_milestones:
            self.value.fill_(rate_in(self._spec, epoch))
