"""Whether a network's weights follow the seed, and nothing else."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from depthbench.checks.result import Finding, listed
from depthbench.checks.subject import Subject

HOW_TO_DRAW = "draw from the `generator` given, or from torch's own"

# Values of a tensor that are looked at, to tell whether they were drawn.
_MOST_VALUES = 4096


class Ignored(NamedTuple):
    """Weights that another seed leaves as they are, though they look drawn.

    Attributes:
        names: Of the tensors.
        share: Of all drawn weights, by count of numbers.
    """

    names: list[str]
    share: float


def check_seeds(subject: Subject, depth: int) -> Finding:
    """The same seed gives the same weights; another seed changes each that is drawn.

    Fails if most drawn weights ignore the seed, warns if some do: they may be meant to,
    as a table of sines is. Constants and patterns of a few values are not drawn, and
    what is frozen may be the same at every seed.
    """
    first, again, other = (subject.build(depth, seed) for seed in (0, 0, 1))
    changed = differing(digests(first), digests(again))
    if changed:
        return Finding(
            "failed",
            f"the same seed gives other values of {listed(changed)} the second time: "
            f"{HOW_TO_DRAW}, not from numpy or random",
        )
    ignored = ignoring_the_seed(first, other)
    if ignored.names:
        says = (
            f"{listed(ignored.names)}: the same at seeds 0 and 1 "
            f"({ignored.share:.0%} of the drawn weights); {HOW_TO_DRAW}, not from "
            "numpy or random, and seed nothing"
        )
        return Finding("failed" if ignored.share > 0.5 else "warning", says)
    num_new = len(differing(digests(first), digests(other)))
    if not num_new:
        return Finding("warning", "seeds 0 and 1 give the same weights: none is drawn")
    return Finding("passed", f"another seed changes {num_new} tensors, the same none")


def check_processes(subject: Subject, depth: int) -> Finding:
    """A second process, started with other hashes of strings, has the same weights."""
    if subject.digests_elsewhere is None:
        return Finding("skipped", "there is no second process to compare with")
    theirs = subject.digests_elsewhere(depth)
    changed = differing(digests(subject.build(depth)), theirs)
    if changed:
        return Finding("failed", differs_between_processes(changed))
    return Finding("passed", f"{len(theirs)} tensors are the same in a second process")


def differs_between_processes(names: list[str]) -> str:
    """What to say of tensors that a second process has other values of."""
    return (
        f"{listed(names)}: one seed gives other values in another process; no trial "
        "could be repeated. Is something seeded by hash(), a set's order, the time or "
        f"a process id? {HOW_TO_DRAW}"
    )


def digests(net: nn.Module) -> dict[str, str]:
    """The SHA-256 of each parameter and buffer, by name."""
    named = [*net.named_parameters(), *net.named_buffers()]
    return {name: _digest(tensor) for name, tensor in named}


def differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The names of tensors whose values, or whose existence, differ."""
    names = dict.fromkeys([*ours, *theirs])
    return [name for name in names if ours.get(name) != theirs.get(name)]


def ignoring_the_seed(first: nn.Module, other: nn.Module) -> Ignored:
    """The trained weights that look drawn and that two seeds have the same of."""
    theirs = dict(other.named_parameters())
    drawn = {
        name: parameter
        for name, parameter in first.named_parameters()
        if parameter.requires_grad and _looks_drawn(parameter)
    }
    names = [
        name
        for name, parameter in drawn.items()
        if name in theirs and torch.equal(parameter, theirs[name])
    ]
    total = sum(parameter.numel() for parameter in drawn.values())
    return Ignored(names, sum(drawn[n].numel() for n in names) / max(total, 1))


def _looks_drawn(weight: Tensor) -> bool:
    """Whether most of its values are different ones; of two dimensions at least."""
    if weight.dim() < 2:
        return False
    values = weight.detach().flatten()[:_MOST_VALUES].abs()
    return len(values) > 2 and len(values.unique()) > len(values) / 2


def _digest(tensor: Tensor) -> str:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    kind = f"{flat.dtype} {list(tensor.shape)} ".encode()
    return hashlib.sha256(kind + flat.view(torch.uint8).numpy().tobytes()).hexdigest()
