"""The updates of SGD and Adam, value by value, in the order in which PyTorch rounds.

Each changes tensors that stay where they are, and reads what changes from step to step
(a scheduled learning rate, the number of updates) from tensors on the device, so that a
step captured once can be replayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from depthbench.spec import TrialSpec


@dataclass(frozen=True, slots=True)
class Sgd:
    """Stochastic gradient descent without dampening; bit for bit `torch.optim.SGD`.

    Attributes:
        lr: Learning rate; a tensor [] is read at each step.
        momentum: Share of the last update direction that is kept.
        weight_decay: w in the gradient g + w W.
        nesterov: Whether the direction is g + m v instead of v, with v the momentum
            after g was added and m its share.
    """

    # With -0.0 the first update direction is the gradient itself, signed zeros too.
    initial_moments: ClassVar[tuple[float, ...]] = (-0.0,)
    counts_updates: ClassVar[bool] = False

    lr: float | Tensor
    momentum: float
    weight_decay: float
    nesterov: bool = False

    def update(
        self,
        values: Tensor,
        gradients: Tensor,
        moments: Sequence[Tensor],
        scales: Sequence[Tensor] = (),
    ) -> None:
        """One step; changes the values, the gradients and the moments."""
        del scales
        if self.weight_decay:
            gradients.add_(values, alpha=self.weight_decay)
        direction = gradients
        if self.momentum:
            direction = moments[0].mul_(self.momentum).add_(gradients)
            if self.nesterov:
                direction = gradients.add_(direction, alpha=self.momentum)
        if isinstance(self.lr, Tensor):
            values.addcmul_(direction, self.lr.to(values.dtype), value=-1)
        else:
            values.add_(direction, alpha=-self.lr)


@dataclass(frozen=True, slots=True)
class Adam:
    """Adam (Kingma and Ba, 2015, algorithm 1), as `torch.optim.Adam` computes it.

    For float32 the update is bit for bit that of PyTorch's on a CPU, as long as the
    powers of beta, taken in float64 by another function than Python's, round to the
    same float32; for float64 it is so to a few units in the last place.

    Attributes:
        lr: Learning rate; a tensor [] is read at each step.
        weight_decay: w in the gradient g + w W.
    """

    # The constants of the paper, and PyTorch's defaults.
    beta1: ClassVar[float] = 0.9
    beta2: ClassVar[float] = 0.999
    epsilon: ClassVar[float] = 1e-8
    initial_moments: ClassVar[tuple[float, ...]] = (0.0, 0.0)
    counts_updates: ClassVar[bool] = True

    lr: float | Tensor
    weight_decay: float

    def scales(self, num_updates: Tensor) -> tuple[Tensor, Tensor]:
        """The step size, and the root of the second moment's bias correction.

        Args:
            num_updates: Of each parameter, this one included: float64 [P].

        Returns:
            Two of float64: [P].
        """
        first = 1 - self.beta1**num_updates
        second = 1 - self.beta2**num_updates
        return self.lr / first, second.sqrt()

    def update(
        self,
        values: Tensor,
        gradients: Tensor,
        moments: Sequence[Tensor],
        scales: Sequence[Tensor],
    ) -> None:
        """One step; changes the values, the gradients and the moments.

        Args:
            values: Of the parameters.
            gradients: Of the same shape.
            moments: The first and the second, of the same shape.
            scales: As `scales` gives them, in a shape that goes with that of the
                values.
        """
        if self.weight_decay:
            gradients.add_(values, alpha=self.weight_decay)
        first, second = moments
        step_size, root = (scale.to(values.dtype) for scale in scales)
        first.lerp_(gradients, 1 - self.beta1)
        second.mul_(self.beta2).addcmul_(gradients, gradients, value=1 - self.beta2)
        denominator = second.sqrt().div_(root).add_(self.epsilon)
        # PyTorch's `addcdiv_` rounds thus, too, but takes no tensor as its factor.
        values.add_(first.mul(-step_size).div_(denominator))


Optimizer = Sgd | Adam


def optimizer_of(spec: TrialSpec, lr: float | Tensor) -> Optimizer:
    """The settings of a trial's optimizer, at a rate that may be read from a tensor."""
    if spec.optimizer == "adam":
        return Adam(lr, spec.weight_decay)
    return Sgd(lr, spec.momentum, spec.weight_decay, spec.nesterov)
