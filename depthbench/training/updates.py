"""What a step does with its gradients: the penalty's, their norm, `torch.optim`.

A network of hundreds of small tensors pays for hundreds of small operations a step; in
one flat tensor they are a few.
"""

import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from depthbench.spec import TrialSpec

# Where a parameter may begin: kernels read aligned vectors of up to 64 bytes.
_ALIGNMENT_BYTES = 64


def optimizer_of(spec: TrialSpec, leaves: Iterable[Tensor]) -> Optimizer:
    """The optimizer of a trial; on a GPU, one whose steps a CUDA graph may capture."""
    tensors = list(leaves)
    given: dict[str, Any] = {"lr": spec.lr, "weight_decay": spec.weight_decay}
    if spec.optimizer == "sgd":
        given |= {"momentum": spec.momentum, "nesterov": spec.nesterov}
        return _light(torch.optim.SGD)(tensors, **given)
    capturable = any(tensor.is_cuda for tensor in tensors)
    kind = torch.optim.Adam if spec.optimizer == "adam" else torch.optim.RMSprop
    return _light(kind)(tensors, capturable=capturable, **given)


@functools.cache
def _light(kind: type[Optimizer]) -> Callable[..., Optimizer]:
    """The same optimizer, of which nothing imports `torch.compile`.

    Its decorators do at the first use, which costs each process seconds and 150 MB.
    They guard a compiled step and a differentiable one, of which there is none here.
    """
    names = ("add_param_group", "step", "zero_grad")
    bare = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    bare["step"] = torch.no_grad()(bare["step"])
    return type(kind.__name__, (kind,), bare)


class Updates:
    """Updates the parameters of a network by an optimizer.

    They stay the same objects, with their shapes and their orders in memory. If they
    may move, and all are trained, of one type, and alone in their memories, they become
    views of one flat tensor, which is what the optimizer is given; each of them must
    then have a gradient at every step. Otherwise the optimizer is given the parameters,
    and leaves one without a gradient alone.

    A penalty c sum(W^2) on some of them may be part of the loss that is optimised; its
    gradient 2 c W is added to the ones the parameters hold, and is never missing.

    Args:
        parameters: Of a network, each once, as `nn.Module.parameters` gives them.
        make: From the tensors to update to their optimizer.
        penalized: Those among the parameters that the penalty is on.
        l2: c of the penalty.
        may_move: Whether nothing else refers to the parameters' memory.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        make: Callable[[Sequence[Tensor]], Optimizer],
        *,
        penalized: Collection[nn.Parameter] = (),
        l2: float = 0.0,
        may_move: bool = True,
    ) -> None:
        ids = {id(parameter) for parameter in penalized}
        # The penalized ones first, so that they lie in one piece.
        every = sorted(parameters, key=lambda parameter: id(parameter) not in ids)
        self._parameters, self._l2 = every, l2
        self._penalized = every[: len(ids)]
        can_move = may_move and _can_move(every)
        self._flat = _flattened(every, len(ids)) if can_move else None
        self.optimizer = make([self._flat.values] if self._flat else every)

    def forget_gradients(self) -> None:
        """Let the next backward pass start from none."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def penalty(self) -> Tensor | None:
        """The penalty at the present values: []; None if it is on nothing."""
        if not self._penalized:
            return None
        pieces = [self._flat.penalized_values] if self._flat else self._penalized
        sums = [weights.square().sum().float() for weights in pieces]
        return torch.stack(sums).sum() * self._l2

    @torch.no_grad()
    def step(self) -> Tensor:
        """Update along the gradients the parameters hold, and the penalty's.

        Returns:
            The Euclidean norm of the former alone: [].
        """
        norm = self._step_flat(self._flat) if self._flat else self._step_each()
        self.optimizer.step()
        return norm

    def _step_flat(self, flat: "_Flat") -> Tensor:
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        assert len(gradients) == len(self._parameters)
        torch._foreach_copy_(flat.gradient_views, gradients)
        norm = _norm(flat.gradients)
        if self._penalized:
            flat.penalized_gradients.add_(flat.penalized_values, alpha=2 * self._l2)
        return norm

    def _step_each(self) -> Tensor:
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm = _norm(torch.stack([_norm(gradient) for gradient in gradients]))
        for weight in self._penalized:
            given = torch.zeros_like(weight) if weight.grad is None else weight.grad
            weight.grad = given.add(weight, alpha=2 * self._l2)
        return norm


@dataclass(frozen=True, slots=True)
class _Flat:
    """Parameters and gradients in one tensor each, the penalised ones first."""

    values: Tensor
    gradients: Tensor
    gradient_views: list[Tensor]
    penalized_values: Tensor
    penalized_gradients: Tensor


def _can_move(parameters: Sequence[nn.Parameter]) -> bool:
    memories = {p.untyped_storage().data_ptr() for p in parameters}
    kinds = {(p.dtype, p.device) for p in parameters}
    are_alone = len(memories) == len(parameters) and all(
        p.untyped_storage().nbytes() == p.nbytes for p in parameters
    )
    are_trained = all(parameter.requires_grad for parameter in parameters)
    return len(kinds) == 1 and are_alone and are_trained


def _flattened(parameters: Sequence[nn.Parameter], num_penalized: int) -> _Flat:
    first = parameters[0]
    alignment = max(1, _ALIGNMENT_BYTES // first.element_size())
    starts = [0]
    for parameter in parameters:
        starts.append(starts[-1] + -(-parameter.numel() // alignment) * alignment)
    values = first.new_zeros(starts[-1], requires_grad=False)
    gradients = torch.zeros_like(values)

    def views(flat: Tensor) -> list[Tensor]:
        return [
            flat.as_strided(parameter.shape, parameter.stride(), start)
            for parameter, start in zip(parameters, starts, strict=False)
        ]

    for parameter, view in zip(parameters, views(values), strict=True):
        view.copy_(parameter.detach())
        parameter.data = view
    values.grad = gradients
    end = starts[num_penalized]
    return _Flat(values, gradients, views(gradients), values[:end], gradients[:end])


def _norm(gradients: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(gradients)
    return norm.float()
