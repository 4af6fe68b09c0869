"""What the tests of `by_hand` share: inputs, comparisons, torch's own gradients."""

from collections.abc import Callable, Sequence

import torch
from by_hand.numeric import relative_error
from torch import Tensor

# Central differences of what is linear are exact; a large step rounds least.
LINEAR_STEP = 1e-2


def drawn(*shapes: Sequence[int], seed: int = 0) -> list[Tensor]:
    """Normal values in float64, one tensor a shape."""
    source = torch.Generator().manual_seed(seed)
    return [
        torch.randn(*shape, generator=source, dtype=torch.float64) for shape in shapes
    ]


def spaced(*shape: int, seed: int = 0) -> Tensor:
    """Values all at least 0.1 apart, and 0.05 from 0, in random order."""
    source = torch.Generator().manual_seed(seed)
    count = torch.Size(shape).numel()
    ranks = torch.randperm(count, generator=source).double()
    return ((ranks - count // 2) * 0.1 + 0.05).reshape(shape)


def by_autograd(
    function: Callable[..., Tensor], arguments: Sequence[Tensor], grad_out: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """The output, and the gradient of each argument of sum grad_out * output."""
    leaves = [argument.clone().requires_grad_() for argument in arguments]
    out = function(*leaves)
    return out.detach(), list(torch.autograd.grad(out, leaves, grad_out))


def hold(ours: Sequence[Tensor], right: Sequence[Tensor], bound: float) -> None:
    """Each tensor agrees with its partner, relative to the largest value."""
    for one, other in zip(ours, right, strict=True):
        assert relative_error(one, other) < bound
