"""The loss with an L2 penalty, and its gradient as a training computes it."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from depthbench.checks.subject import gradients, loss_of
from depthbench.training.penalty import penalized_weights
from depthbench.training.updates import Updates


class PenalizedLoss:
    """Cross entropy, plus l2 times the sum of the squared weights."""

    def __init__(
        self, net: nn.Module, images: Tensor, labels: Tensor, l2: float
    ) -> None:
        self.net, self._images, self._labels, self._l2 = net, images, labels, l2
        try:
            self._penalized = penalized_weights(net) if l2 else []
        except ValueError:  # nothing to penalise, which another check reports
            self._penalized = []

    @torch.no_grad()
    def value(self) -> float:
        """At the present weights."""
        squares = sum(float(weight.square().sum()) for weight in self._penalized)
        loss = loss_of(self.net, self._images, self._labels).item()
        return loss + self._l2 * squares

    def slopes(self) -> dict[str, Tensor]:
        """Its gradient at the present weights, where autograd has one."""
        _, found = gradients(self.net, self._images, self._labels)
        return self.gradients({n: g for n, g in found.items() if g is not None})

    @torch.no_grad()
    def gradients(self, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of the cross entropy, as a training's own update completes them.

        They are read off a step of SGD at a learning rate of 1, which is taken back.
        """
        if not self._penalized:
            return dict(found)
        parameters = dict(self.net.named_parameters())
        kept = {name: parameter.clone() for name, parameter in parameters.items()}
        for name, parameter in parameters.items():
            parameter.grad = found.get(name)
        updates = Updates(
            parameters.values(),
            partial(torch.optim.SGD, lr=1.0),
            penalized=self._penalized,
            l2=self._l2,
            may_move=False,
        )
        updates.step()
        updates.forget_gradients()
        completed = {name: kept[name] - parameters[name] for name in found}
        for name, parameter in parameters.items():
            parameter.copy_(kept[name])
        return completed
