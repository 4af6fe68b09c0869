"""Parameters, gradients and moments in one buffer each, so that SGD is three kernels.

A network of hundreds of small tensors otherwise pays for hundreds of small operations
a step.
"""

from collections.abc import Collection, Iterable, Sequence

import torch
from torch import Tensor, nn

from depthbench.training.buffers import Buffer, Layout, beside, buffers_of
from depthbench.training.optimizers import Adam, Optimizer, Sgd


class FlatParameters:
    """The parameters of a network in flat buffers, one for each type and device.

    The parameters stay the same objects, with their shapes and their orders in memory,
    but become views of a buffer. A parameter moves there if it is trained and is alone
    in its memory; one that is not (frozen, or with a memory shared like an LSTM's on a
    GPU) is updated where it lies.

    The update rounds as that of `torch.optim` on a CPU (see `Sgd` and `Adam`): a
    parameter that got no gradient in a step is left alone, its weight decay, moments
    and number of updates included.

    A penalty c sum(W^2) on some of them may be part of the loss that is optimised; its
    gradient 2 c W is added to the ones the parameters hold, and is never missing.

    Args:
        parameters: Of a network, each once, as `nn.Module.parameters` gives them.
        optimizer: Kind of the settings that updates will be given.
        penalized: Those among the parameters that the penalty is on.
        l2: c of the penalty.
        may_move: Whether nothing else refers to the parameters' memory; otherwise
            every parameter is updated where it lies.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        optimizer: type[Optimizer] = Sgd,
        penalized: Collection[nn.Parameter] = (),
        l2: float = 0.0,
        may_move: bool = True,
    ) -> None:
        ids = {id(parameter) for parameter in penalized}
        # The penalized ones first, so that they lie in one piece.
        every = sorted(parameters, key=lambda parameter: id(parameter) not in ids)
        layout = Layout(optimizer, frozenset(ids))
        self._buffers = buffers_of(every, layout, may_move=may_move)
        self._l2 = l2

    def forget_gradients(self) -> None:
        """Let the next backward pass start from none."""
        for buffer in self._buffers:
            for parameter in buffer.parameters:
                parameter.grad = None

    @torch.no_grad()
    def penalty(self) -> Tensor | None:
        """The penalty at the present values: []; None if it is on nothing."""
        sums = [
            weights.square().sum().float()
            for buffer in self._buffers
            if (weights := buffer.penalized_values) is not None
        ]
        return torch.stack(sums).sum(0) * self._l2 if sums else None

    @torch.no_grad()
    def update(self, optimizer: Optimizer) -> Tensor:
        """One step along the gradients the parameters hold, and the penalty's.

        Returns:
            The Euclidean norm of the former alone: [].
        """
        norms: list[Tensor] = []
        for buffer in self._buffers:
            gradients = [parameter.grad for parameter in buffer.parameters]
            present = [gradient for gradient in gradients if gradient is not None]
            if len(present) == len(gradients):
                torch._foreach_copy_(buffer.gradient_views, present)
                norms.append(_norm(buffer.gradients))
                self._update_all(buffer, optimizer)
            else:
                norms += [_norm(gradient) for gradient in present]
                self._update_each(buffer, gradients, optimizer)
        total: Tensor = torch.linalg.vector_norm(torch.stack(norms))
        return total

    def _update_all(self, buffer: Buffer, optimizer: Optimizer) -> None:
        values, gradients = buffer.penalized_values, buffer.penalized_gradients
        if values is not None and gradients is not None:
            gradients.add_(values, alpha=2 * self._l2)
        scales: list[Tensor] = []
        if isinstance(optimizer, Adam):
            counts = buffer.num_updates.add_(1)
            scales = [buffer.spread(scale) for scale in optimizer.scales(counts)]
        optimizer.update(buffer.values, buffer.gradients, buffer.moments, scales)

    def _update_each(
        self,
        buffer: Buffer,
        gradients: Sequence[Tensor | None],
        optimizer: Optimizer,
    ) -> None:
        for place, gradient in enumerate(gradients):
            values = buffer.value_views[place]
            is_penalized = place < buffer.num_penalized
            if gradient is None and not is_penalized:
                continue
            given = torch.zeros_like(values) if gradient is None else gradient.clone()
            if is_penalized:
                given.add_(values, alpha=2 * self._l2)
            scales: list[Tensor] = []
            if isinstance(optimizer, Adam):
                count = buffer.num_updates[place : place + 1].add_(1)
                scales = [beside(s, values) for s in optimizer.scales(count)]
            moments = [views[place] for views in buffer.moment_views]
            optimizer.update(values, given, moments, scales)


def _norm(gradients: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(gradients)
    return norm.float()
