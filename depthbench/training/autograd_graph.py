"""What autograd's graph tells about a network: its weight layers, blocks and norms."""

import re
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

# Nodes that multiply a signal by weights: convolutions and matrix products. A user's
# own Function may do so too.
_PRODUCT = re.compile("conv|mm|linear", re.IGNORECASE)


def num_weight_layers_on_path(logits: Tensor, images: Tensor, net: nn.Module) -> int:
    """Layers with weights on the longest path from the images to the logits.

    A weight is a parameter of at least two dimensions. Shortcuts and other heads are
    not on the way; a layer used twice counts twice.

    Args:
        logits: Of one head, computed from `images`.
        images: A leaf that requires a gradient.
        net: With the parameters that may count.

    Returns:
        0 also if no path leads from the images to the logits.
    """
    layers = weight_layers_before(logits, images, net)
    return layers.get(logits.grad_fn, 0) if logits.grad_fn is not None else 0


def weight_layers_before(
    logits: Tensor, images: Tensor, net: nn.Module
) -> dict[Node, int]:
    """Layers with weights on the longest path from the images to each node.

    Of the nodes between the images and the logits, each after all that it was computed
    from; the arguments are those of `num_weight_layers_on_path`.
    """
    return _products(logits, images, net)[0]


def multiplied_weights(logits: Tensor, images: Tensor, net: nn.Module) -> set[int]:
    """The `id`s of the parameters that a signal is multiplied with on its way.

    Whether they are a weight themselves or one is computed from them; the arguments are
    those of `num_weight_layers_on_path`.
    """
    return _products(logits, images, net)[1]


def _products(
    logits: Tensor, images: Tensor, net: nn.Module
) -> tuple[dict[Node, int], set[int]]:
    weights = {id(p) for p in net.parameters() if p.dim() >= 2}
    longest: dict[Node, int] = {}  # from the images; only of nodes they lead to
    made_of: dict[Node, set[int]] = {}  # the weights, of nodes made of them alone
    multiplied: set[int] = set()
    root = logits.grad_fn
    for node in _inputs_first(root) if root is not None else ():
        leaf = getattr(node, "variable", None)
        inputs = _inputs(node)
        before = [longest[each] for each in inputs if each in longest]
        weighted = [made_of[each] for each in inputs if each in made_of]
        if leaf is images:
            longest[node] = 0
        elif before:
            is_product = _multiplies(node)
            longest[node] = max(before) + len(weighted) * is_product
            multiplied.update(*(weighted if is_product else ()))
        elif id(leaf) in weights or weighted:
            made_of[node] = {id(leaf)}.union(*weighted) & weights
    return longest, multiplied


def on_every_path(nodes: Iterable[Node]) -> list[Node]:
    """The nodes that no path from the first of `nodes` to the last one avoids.

    Args:
        nodes: All nodes between these two, each after all that it was computed from.
    """
    place = {node: number for number, node in enumerate(nodes)}
    # The furthest node that is computed from one before the present.
    reached = 0
    last_use = [0] * len(place)
    for node, number in place.items():
        for each in _inputs(node):
            if each in place:
                last_use[place[each]] = max(last_use[place[each]], number)
    found = []
    for node, number in place.items():
        if reached <= number:
            found.append(node)
        reached = max(reached, last_use[number])
    return found


def leaves(loss: Tensor) -> list[Tensor]:
    """The tensors that require a gradient and that `loss` was computed from."""
    nodes: Iterable[Node] = _inputs_first(loss.grad_fn) if loss.grad_fn else ()
    return [node.variable for node in nodes if hasattr(node, "variable")]


def hides_layers(loss: Tensor) -> bool:
    """Whether part of the graph is made in the backward pass only.

    So it is under reentrant checkpointing.
    """
    nodes: Iterable[Node] = _inputs_first(loss.grad_fn) if loss.grad_fn else ()
    return any("CheckpointFunction" in node.name() for node in nodes)


def has_batch_norm(loss: Tensor) -> bool:
    """Whether a batch normalisation was on the way to `loss`."""
    nodes: Iterable[Node] = _inputs_first(loss.grad_fn) if loss.grad_fn else ()
    return any("batchnorm" in node.name().lower() for node in nodes)


def _multiplies(node: Node) -> bool:
    is_users = isinstance(node, torch.autograd.function.BackwardCFunction)
    return is_users or bool(_PRODUCT.search(node.name()))


def _inputs(node: Node) -> list[Node]:
    return [each for each, _ in node.next_functions if each is not None]


def _inputs_first(root: Node) -> Iterator[Node]:
    """Every node once, after all that it was computed from.

    Not recursive: the graph of a deep network is deeper than Python's stack.
    """
    seen = {root}
    stack = [(root, iter(_inputs(root)))]
    while stack:
        node, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            yield node
        elif following not in seen:
            seen.add(following)
            stack.append((following, iter(_inputs(following))))
