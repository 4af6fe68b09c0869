"""Parameters, gradients and momenta in one buffer each, so that SGD is three kernels.

A network of hundreds of small tensors otherwise pays for hundreds of small operations
a step.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

# Where a parameter may begin: kernels read aligned vectors of up to 64 bytes.
_ALIGNMENT_BYTES = 64


@dataclass(frozen=True, slots=True)
class Sgd:
    """Settings of SGD without dampening or Nesterov's correction.

    Attributes:
        lr: Learning rate; one a replica as a tensor [R, 1].
        momentum: Share of the last update direction that is kept.
        weight_decay: L2 coefficient.
    """

    lr: float | Tensor
    momentum: float
    weight_decay: float


class FlatParameters:
    """The parameters of a network in flat buffers, one for each type and device.

    The parameters stay the same objects, with their shapes and their orders in memory,
    but become views of a buffer. A parameter moves there if it is trained and is alone
    in its memory; one that is not (frozen, or with a memory shared like an LSTM's on a
    GPU) is updated where it lies.

    The update is bit for bit that of `torch.optim.SGD` on a CPU: a parameter that got
    no gradient in a step is left alone, its weight decay and momentum included.

    Args:
        parameters: Of a network, each once, as `nn.Module.parameters` gives them.
        replicas: Shape of the leading axes of every parameter that count replicas.
            The buffers have it too: [*replicas, values].
        may_move: Whether nothing else refers to the parameters' memory; otherwise
            every parameter is updated where it lies.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        replicas: tuple[int, ...] = (),
        *,
        may_move: bool = True,
    ) -> None:
        every = list(parameters)
        shared = _shared_memories(every)
        moving = [p for p in every if may_move and _moves(p, shared)]
        staying = [p for p in every if not may_move or not _moves(p, shared)]
        self._buffers = [_moved(group, replicas) for group in _by_type(moving)]
        self._buffers += [_in_place(parameter) for parameter in staying]
        self._replicas = replicas

    def forget_gradients(self) -> None:
        """Let the next backward pass start from none."""
        for buffer in self._buffers:
            for parameter in buffer.parameters:
                parameter.grad = None

    @torch.no_grad()
    def update(self, sgd: Sgd) -> Tensor:
        """One step of SGD along the gradients the parameters hold.

        Returns:
            The Euclidean norm of those gradients: [*replicas].
        """
        norms: list[Tensor] = []
        for buffer in self._buffers:
            gradients = [parameter.grad for parameter in buffer.parameters]
            present = [gradient for gradient in gradients if gradient is not None]
            if len(present) == len(gradients):
                torch._foreach_copy_(buffer.gradient_views, present)
                norms.append(self._norm(buffer.gradients))
                _update(buffer.values, buffer.gradients, buffer.momenta, sgd)
                continue
            norms += [self._norm(gradient) for gradient in present]
            for view, momentum, gradient in zip(
                buffer.value_views, buffer.momentum_views, gradients, strict=True
            ):
                if gradient is not None:
                    _update(view, gradient.clone(), momentum, sgd)
        total: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
        return total

    def _norm(self, gradients: Tensor) -> Tensor:
        each = gradients.reshape(*self._replicas, -1)
        norm: Tensor = torch.linalg.vector_norm(each, dim=-1)
        return norm.float()


@dataclass(frozen=True, slots=True)
class _Buffer:
    """Some parameters, and views of the three buffers in the shape of each."""

    parameters: Sequence[nn.Parameter]
    values: Tensor
    gradients: Tensor
    momenta: Tensor
    value_views: list[Tensor]
    gradient_views: list[Tensor]
    momentum_views: list[Tensor]


def _update(values: Tensor, gradients: Tensor, momenta: Tensor, sgd: Sgd) -> None:
    """As `torch.optim.SGD` computes it, in its order; changes all three."""
    if sgd.weight_decay:
        gradients.add_(values, alpha=sgd.weight_decay)
    direction = gradients
    if sgd.momentum:
        direction = momenta.mul_(sgd.momentum).add_(gradients)
    if isinstance(sgd.lr, Tensor):
        rates = sgd.lr.view(sgd.lr.shape[:1] + (1,) * (values.dim() - 1))
        values.addcmul_(direction, rates, value=-1)
    else:
        values.add_(direction, alpha=-sgd.lr)


def _shared_memories(parameters: Sequence[nn.Parameter]) -> set[int]:
    """Addresses of memories that hold more than one parameter."""
    seen: set[int] = set()
    shared: set[int] = set()
    for parameter in parameters:
        address = parameter.untyped_storage().data_ptr()
        (shared if address in seen else seen).add(address)
    return shared


def _moves(parameter: nn.Parameter, shared: set[int]) -> bool:
    memory = parameter.untyped_storage()
    fills_it = memory.nbytes() == parameter.numel() * parameter.element_size()
    return parameter.requires_grad and fills_it and memory.data_ptr() not in shared


def _by_type(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    def kind(parameter: nn.Parameter) -> str:
        return f"{parameter.dtype} {parameter.device}"

    for _, group in groupby(sorted(parameters, key=kind), kind):
        yield list(group)


def _moved(parameters: Sequence[nn.Parameter], replicas: tuple[int, ...]) -> _Buffer:
    first = parameters[0]
    alignment = max(1, _ALIGNMENT_BYTES // first.element_size())
    starts, size = [], 0
    for parameter in parameters:
        starts.append(size)
        length = parameter[(0,) * len(replicas)].numel()
        size += -(-length // alignment) * alignment
    values = first.new_zeros((*replicas, size), requires_grad=False)
    gradients = torch.zeros_like(values)
    # With -0.0 the first update direction is the gradient itself, signed zeros too.
    momenta = torch.full_like(values, -0.0)

    def views(buffer: Tensor) -> list[Tensor]:
        lead = buffer.stride()[:-1]
        return [
            buffer.as_strided(p.shape, lead + p.stride()[len(replicas) :], start)
            for p, start in zip(parameters, starts, strict=True)
        ]

    buffer = _Buffer(
        parameters,
        values,
        gradients,
        momenta,
        views(values),
        views(gradients),
        views(momenta),
    )
    for parameter, view in zip(parameters, buffer.value_views, strict=True):
        view.copy_(parameter.detach())
        parameter.data = view
    return buffer


def _in_place(parameter: nn.Parameter) -> _Buffer:
    values = parameter.detach()
    gradients = torch.zeros_like(values)
    momenta = torch.full_like(values, -0.0)
    return _Buffer(
        [parameter], values, gradients, momenta, [values], [gradients], [momenta]
    )
