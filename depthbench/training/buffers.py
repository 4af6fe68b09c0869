"""Where the parameters of a network, their gradients and their moments lie."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

from depthbench.training.optimizers import Optimizer

# Where a parameter may begin: kernels read aligned vectors of up to 64 bytes.
_ALIGNMENT_BYTES = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """What all buffers of some parameters have in common.

    Attributes:
        optimizer: Kind of optimizer that keeps its moments there.
        penalized: Identities of the parameters that a penalty is on.
    """

    optimizer: type[Optimizer]
    penalized: frozenset[int]

    def num_penalized(self, parameters: Iterable[nn.Parameter]) -> int:
        """How many of some parameters the penalty is on."""
        return sum(id(parameter) in self.penalized for parameter in parameters)

    def moments(self, values: Tensor) -> list[Tensor]:
        """New ones, of the shape of the values."""
        starts = self.optimizer.initial_moments
        return [torch.full_like(values, start) for start in starts]


@dataclass(frozen=True, slots=True)
class Buffer:
    """Some parameters, and views of the buffers in the shape of each.

    Attributes:
        moments: As many as the optimizer keeps.
        num_updates: Of each parameter: float64 [P].
        owners: Which parameter each place of the values belongs to: int64 [values];
            None where there is one parameter only.
        num_penalized: So many of the first parameters have a penalty.
        penalized_values: Theirs, in one piece; None if there are none.
        penalized_gradients: The same.
    """

    parameters: Sequence[nn.Parameter]
    values: Tensor
    gradients: Tensor
    moments: Sequence[Tensor]
    value_views: list[Tensor]
    gradient_views: list[Tensor]
    moment_views: list[list[Tensor]]
    num_updates: Tensor
    owners: Tensor | None
    num_penalized: int
    penalized_values: Tensor | None
    penalized_gradients: Tensor | None

    def spread(self, scale: Tensor) -> Tensor:
        """From one number a parameter, [P], to one for each of its values."""
        if self.owners is None:
            return beside(scale, self.values)
        return scale.index_select(0, self.owners)


def beside(scale: Tensor, values: Tensor) -> Tensor:
    """Of one parameter, [1], with as many axes as its values."""
    return scale.view((1,) * values.dim())


def buffers_of(
    parameters: Sequence[nn.Parameter], layout: Layout, *, may_move: bool
) -> list[Buffer]:
    """The parameters in buffers: those that may move first, by type and device."""
    shared = _shared_memories(parameters)
    moving = [p for p in parameters if may_move and _moves(p, shared)]
    staying = [p for p in parameters if not may_move or not _moves(p, shared)]
    return [_moved(group, layout) for group in _by_type(moving)] + [
        _in_place(parameter, layout) for parameter in staying
    ]


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


def _moved(parameters: Sequence[nn.Parameter], layout: Layout) -> Buffer:
    first = parameters[0]
    alignment = max(1, _ALIGNMENT_BYTES // first.element_size())
    starts: list[int] = []
    lengths: list[int] = []
    for parameter in parameters:
        starts.append(sum(lengths))
        lengths.append(-(-parameter.numel() // alignment) * alignment)
    values = first.new_zeros(sum(lengths), requires_grad=False)
    gradients = torch.zeros_like(values)
    moments = layout.moments(values)

    def views(buffer: Tensor) -> list[Tensor]:
        return [
            buffer.as_strided(p.shape, p.stride(), start)
            for p, start in zip(parameters, starts, strict=True)
        ]

    num_penalized = layout.num_penalized(parameters)
    end = sum(lengths[:num_penalized])
    buffer = Buffer(
        parameters,
        values,
        gradients,
        moments,
        views(values),
        views(gradients),
        [views(moment) for moment in moments],
        num_updates=_num_updates(parameters),
        owners=_owners(lengths, values) if layout.optimizer.counts_updates else None,
        num_penalized=num_penalized,
        penalized_values=values[:end] if end else None,
        penalized_gradients=gradients[:end] if end else None,
    )
    for parameter, view in zip(parameters, buffer.value_views, strict=True):
        view.copy_(parameter.detach())
        parameter.data = view
    return buffer


def _in_place(parameter: nn.Parameter, layout: Layout) -> Buffer:
    values = parameter.detach()
    gradients = torch.zeros_like(values)
    moments = layout.moments(values)
    is_penalized = bool(layout.num_penalized([parameter]))
    return Buffer(
        [parameter],
        values,
        gradients,
        moments,
        [values],
        [gradients],
        [[moment] for moment in moments],
        num_updates=_num_updates([parameter]),
        owners=None,
        num_penalized=int(is_penalized),
        penalized_values=values if is_penalized else None,
        penalized_gradients=gradients if is_penalized else None,
    )


def _num_updates(parameters: Sequence[nn.Parameter]) -> Tensor:
    device = parameters[0].device
    return torch.zeros(len(parameters), dtype=torch.float64, device=device)


def _owners(lengths: Sequence[int], values: Tensor) -> Tensor | None:
    each = torch.tensor(lengths, device=values.device)
    places = torch.arange(len(lengths), device=values.device)
    return places.repeat_interleave(each) if len(lengths) > 1 else None
