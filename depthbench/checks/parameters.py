"""Whether what an optimizer changes is what a network computes with."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.checks.result import listed
from depthbench.checks.subject import logits, loss_of, trained_parameters
from depthbench.training.autograd_graph import (
    hides_layers,
    leaves,
    multiplied_weights,
)
from depthbench.training.penalty import penalized_weights

_NOT_REGISTERED = (
    "used, but not registered, so that no optimizer sees it; keep layers in "
    "nn.ModuleList or nn.ModuleDict, tensors in nn.Parameter or nn.ParameterList"
)
_CUT_OFF = (
    "no gradient, though the loss depends on it; it is cut off on the way, by "
    "detach(), .data or no_grad()"
)
_PLAIN_TENSOR = (
    "a plain tensor, never trained; make it an nn.Parameter if it should be, or a "
    "buffer"
)

# Of a random direction, to see whether the loss notices a weight at all.
_NOTICEABLE_STEP = 0.1


class Account(NamedTuple):
    """What is left over when all that a loss depends on is held against the parameters.

    Attributes:
        wrong: Why training would not be of the network that was written, in sentences.
        left_over: What is not trained, or not as usual, and may be meant so.
    """

    wrong: tuple[str, ...]
    left_over: tuple[str, ...]


def account(net: nn.Module, images: Tensor, labels: Tensor, *, l2: float) -> Account:
    """Hold the leaves of the loss's graph against the network's parameters.

    Changes the network; give one that is not needed any more.

    Args:
        net: Untrained, in train mode.
        images: A few, normalised.
        labels: Of them.
        l2: Factor of the penalty on the weights; 0 for none.
    """
    before = dict(net.named_parameters())
    loss = loss_of(net, images, labels)
    made = [name for name in dict(net.named_parameters()) if name not in before]
    graph_leaves = leaves(loss)
    if loss.requires_grad:
        loss.backward()
    stray = _stray(net, graph_leaves)
    trained = trained_parameters(net)
    without = [n for n, p in trained.items() if p.grad is None and n not in made]
    cut = [name for name in without if _is_noticed(net, name, images, labels)]
    unused = [name for name in without if name not in cut]
    wrong = (
        *_said(made, "made in forward(), after the optimizer; make layers in __init__"),
        *_said(stray, _NOT_REGISTERED),
        *_said(cut, _CUT_OFF),
        *(_beyond_the_penalty(net, images) if l2 else ()),
    )
    left_over = (
        *_said(unused, "never used by forward()"),
        *_other_types(trained),
        *_said(_plain_tensors(net), _PLAIN_TENSOR),
    )
    return Account(wrong, left_over)


def _said(names: Sequence[str], what: str) -> Iterator[str]:
    if names:
        yield f"{listed(names)}: {what}"


def _stray(net: nn.Module, graph_leaves: list[Tensor]) -> list[str]:
    """Leaves of the graph that are no parameters, by the best name there is.

    Also what got a gradient in a part of the graph that the backward pass made.
    """
    known = {id(parameter) for parameter in net.parameters()}
    stray = {id(leaf): leaf for leaf in graph_leaves if id(leaf) not in known}
    names = {
        id(tensor): name
        for name, tensor in _hidden_tensors(net)
        if id(tensor) not in known
        and (id(tensor) in stray or (tensor.is_leaf and tensor.grad is not None))
    }
    others = {
        key: f"a tensor of shape {list(leaf.shape)}" for key, leaf in stray.items()
    }
    return list((names | {k: v for k, v in others.items() if k not in names}).values())


def _hidden_tensors(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Tensors in plain attributes of modules, which PyTorch does not look into."""
    for prefix, module in net.named_modules():
        for attribute, value in vars(module).items():
            if not attribute.startswith("_"):
                yield from _tensors_in(
                    ".".join(filter(None, (prefix, attribute))), value
                )


def _tensors_in(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, nn.Module):
        yield from ((f"{name}.{inner}", p) for inner, p in value.named_parameters())
    elif isinstance(value, list | tuple) and depth < 3:
        for place, item in enumerate(value):
            yield from _tensors_in(f"{name}[{place}]", item, depth + 1)
    elif isinstance(value, Mapping) and depth < 3:
        for key, item in value.items():
            yield from _tensors_in(f"{name}[{key!r}]", item, depth + 1)


@torch.no_grad()
def _is_noticed(net: nn.Module, name: str, images: Tensor, labels: Tensor) -> bool:
    parameter = trained_parameters(net)[name]
    before, kept = loss_of(net, images, labels), parameter.clone()
    source = runtime.generator(0, "directions of checks")
    noise = torch.randn(parameter.shape, generator=source, dtype=torch.float64)
    parameter.add_(_NOTICEABLE_STEP * noise)
    after = loss_of(net, images, labels)
    parameter.copy_(kept)
    return not torch.equal(before, after)


def _beyond_the_penalty(net: nn.Module, images: Tensor) -> Iterator[str]:
    """Which weights an L2 penalty would not be on, if there are any."""
    penalized = {id(weight) for weight in penalized_weights(net)}
    given = images.clone().requires_grad_()
    heads = logits(net, given)
    if hides_layers(heads[-1]):
        return
    multiplied = set[int]().union(
        *(multiplied_weights(head, given, net) for head in heads)
    )
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    on = [name for each, name in names.items() if each in penalized]
    beyond = [name for each, name in names.items() if each in multiplied - penalized]
    if beyond:
        yield (
            f"l2 would be on {listed(on)} alone: {listed(beyond)} is multiplied with "
            "the signal too, but is no weight of an nn.Conv or nn.Linear itself, as "
            "under a parametrization; use weight_decay, which is on every parameter, "
            "or leave l2 out"
        )


def _other_types(trained: Mapping[str, nn.Parameter]) -> Iterator[str]:
    """Parameters that are not of float32, by type."""
    for dtype in dict.fromkeys(p.dtype for p in trained.values()):
        if dtype != torch.float32:
            names = [name for name, p in trained.items() if p.dtype == dtype]
            kind = str(dtype).removeprefix("torch.")
            yield f"{listed(names)}: of type {kind}, and trained in it"


def _plain_tensors(net: nn.Module) -> list[str]:
    """Matrices of floats in plain attributes, which look like weights but are none."""
    own = {id(tensor) for tensor in (*net.parameters(), *net.buffers())}
    return [
        name
        for name, tensor in _hidden_tensors(net)
        if id(tensor) not in own
        and tensor.is_floating_point()
        and tensor.dim() >= 2
        and not tensor.requires_grad
    ]
