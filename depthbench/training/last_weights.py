"""The weights of the last steps, so that a divergence can be looked at afterwards."""

import torch
from torch import nn


class LastWeights:
    """Keeps the weights of the present step and of the one before.

    Copies of the parameters alone: a fraction of a percent of a step's time.
    """

    def __init__(self, net: nn.Module) -> None:
        # Not their memory, which a training may move.
        self._weights = list(net.parameters())
        self._kept = [[w.detach().clone() for w in self._weights] for _ in range(2)]
        self._num_steps = 0

    @torch.no_grad()
    def keep(self) -> None:
        """To be called before each step."""
        self._num_steps += 1
        for kept, weight in zip(
            self._kept[self._num_steps % 2], self._weights, strict=True
        ):
            kept.copy_(weight)

    @torch.no_grad()
    def put_back(self, first_nonfinite_step: int) -> None:
        """Give the network its last weights whose loss was finite.

        Args:
            first_nonfinite_step: Index, from 0, of the first step whose loss was not;
                or the number of steps, if only the last update was bad.
        """
        is_loss = self._num_steps > first_nonfinite_step
        newest = self._num_steps % 2
        place = 1 - newest if is_loss and first_nonfinite_step > 0 else newest
        for weight, old in zip(self._weights, self._kept[place], strict=True):
            weight.copy_(old)
