"""A look at the networks of a trial, before one like them is trained.

Looking can change a network: a layer may take its scale from the first images that it
sees. So the networks that are looked at are built for that, and thrown away.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.training.batches import as_heads

# Relative to the largest value, of numbers that would be equal but for rounding.
_SAME_IN_FLOAT64, _SAME_IN_FLOAT32 = 1e-6, 1e-3


def look(
    build: Callable[[], nn.Module],
    images: Tensor,
    num_classes: int,
    *,
    has_train_mode: bool,
) -> None:
    """See that the network gives logits, as many heads in both modes as in either.

    And that it is the same in both, where it says so: two protocols then share trials.

    Args:
        build: Makes the network, the same one at each call.
        images: At least two, normalised, on its device.
        num_classes: Of the data.
        has_train_mode: What the architecture says.

    Raises:
        ValueError: If it is not so.
        Exception: What a user's code raises.
    """
    net, numbers = build(), {}
    for mode in ("evaluation", "train"):
        heads = heads_of(net.train(mode == "train"), images[:2], mode)
        _check_shapes(heads, num_classes, mode)
        numbers[mode] = len(heads)
    if len(set(numbers.values())) > 1:
        raise ValueError(different_heads(numbers))
    if not has_train_mode and (difference := difference_of_modes(build, images)):
        raise ValueError(undeclared_modes(difference))


def different_heads(numbers: Mapping[str, int]) -> str:
    """What to say of a network with other numbers of heads in the two modes."""
    shown = " and ".join(
        f"{number} head{'s' * (number != 1)} in {mode} mode"
        for mode, number in numbers.items()
    )
    return (
        f"{shown}: as many are needed in both, the main one last; return all of them "
        "in both modes, or the main one alone"
    )


def undeclared_modes(difference: str) -> str:
    """What to say of a network that knows the modes and denies it."""
    return (
        f"has_train_mode=False, but {difference}: something on the way asks for "
        "self.training; leave has_train_mode out"
    )


def heads_of(net: nn.Module, images: Tensor, mode: str) -> tuple[Tensor, ...]:
    """What comes out for these images, one tensor per head.

    Raises:
        ValueError: If it is something else.
        Exception: What a user's code raises.
    """
    with torch.no_grad(), same_draws():
        output = net(images.clone())
    is_one = isinstance(output, Tensor)
    heads = as_heads(output) if is_one or isinstance(output, tuple | list) else ()
    if not heads or not all(isinstance(head, Tensor) for head in heads):
        raise ValueError(
            f"logits of images in {mode} mode: got a "
            f"{type(output).__name__}, expected a tensor or a tuple of tensors, one "
            "per head"
        )
    return heads


@contextmanager
def same_draws() -> Iterator[None]:
    """The same numbers from torch's global generators inside each such block."""
    with runtime.seeded_global_generators(0, "draws of checks"):
        yield


def difference_of_modes(build: Callable[[], nn.Module], images: Tensor) -> str | None:
    """What differs between train and evaluation mode, in words; None if nothing does.

    The logits, or a buffer after them. Kernels may differ between the modes and round
    differently, so that numbers that are not equal are computed again in float64.
    """
    if _difference(build, images, tolerance=0.0) is None:
        return None
    if not _is_repeatable(build):
        return None  # whatever differs is the builder's, and other checks find it
    try:
        return _difference(lambda: build().double(), images.double(), _SAME_IN_FLOAT64)
    except Exception:  # in the user's own code, which may insist on float32
        return _difference(build, images, _SAME_IN_FLOAT32)


def apart(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """The largest difference over the largest value; NaN if only one of two is."""
    one, other = (
        torch.cat([tensor.flatten().double() for tensor in each])
        for each in (ours, theirs)
    )
    same = (one == other) | (one.isnan() & other.isnan())
    if same.all():
        return 0.0
    finite = other[other.isfinite()]
    largest = finite.abs().max() if len(finite) else torch.ones(())
    return ((one - other)[~same].abs().max() / largest).item()


def _difference(
    build: Callable[[], nn.Module], images: Tensor, tolerance: float
) -> str | None:
    nets = [build().train(mode) for mode in (False, True)]
    heads, others = (heads_of(net, images, "either") for net in nets)
    distance = apart(heads, others)
    if not distance <= tolerance:
        return f"the logits of both modes differ by {distance:.1e} of their size"
    buffers, theirs = (dict(net.named_buffers()) for net in nets)
    for name, buffer in buffers.items():
        if not apart([buffer], [theirs[name]]) <= tolerance:
            return f"the buffer {name} differs after the two modes"
    return None


def _is_repeatable(build: Callable[[], nn.Module]) -> bool:
    tensors, others = (
        [*net.parameters(), *net.buffers()] for net in (build(), build())
    )
    return len(tensors) == len(others) and apart(tensors, others) == 0


def _check_shapes(heads: tuple[Tensor, ...], num_classes: int, mode: str) -> None:
    for head in heads:
        if head.shape != (2, num_classes) or not head.is_floating_point():
            raise ValueError(
                f"logits of two images in {mode} mode: got {head.dtype} of shape "
                f"{tuple(head.shape)}, expected floats of shape (2, {num_classes})"
            )
