"""Checks of whether a loss reaches every weight, and over how many layers."""

import torch
from torch import Tensor, nn

from depthbench import runtime
from depthbench.checks.result import Finding
from depthbench.checks.subject import (
    Subject,
    gradients,
    logits,
    loss_of,
    move_weights,
    trained_parameters,
)
from depthbench.training.autograd_graph import num_weight_layers_on_path
from depthbench.trial.network import check_modes, num_weight_layers

_NUM_IMAGES = 8
_VANISHED = 1e-6
_NUM_SHOWN = 3
# Along a random direction, to see whether the loss notices a weight at all.
_NOTICEABLE_STEP = 0.1


def check_gradients(subject: Subject, depth: int) -> Finding:
    """Every trained parameter gets a finite gradient that is not zero everywhere.

    At the initial weights, or near them: behind a layer that starts at 0 there is none
    at first. In float64, where the network runs in it, so that a small one is not 0.

    A warning if the first weights get a millionth of the last ones' gradient or less:
    the signal vanishes on the way, and the network is likely to stay at chance.
    """
    net, images = in_float64(subject, depth, _NUM_IMAGES)
    labels = subject.labels[:_NUM_IMAGES]
    frozen = len(list(net.parameters())) - len(trained_parameters(net))
    also = f"; {frozen} more are frozen" if frozen else ""
    _, found = gradients(net, images, labels)
    if not found:
        return Finding("warning", f"no parameter is trained{also}")
    bad = [name for name, g in found.items() if g is not None and not _is_finite(g)]
    if bad:
        return Finding("failed", f"the gradient of {_listed(bad)} is not finite")
    late = [name for name, gradient in found.items() if _is_zero(gradient)]
    if late:
        move_weights(net)
        _, again = gradients(net, images, labels)
        dead = [name for name in late if _is_zero(again[name])]
        if dead:
            return Finding("failed", _why_dead(net, dead, images, labels))
        also += f"; that of {_listed(late)} is 0 until the weights have moved"
    says = f"all {len(found)} parameters have a finite one{also}"
    norms = [g.norm().item() for g in found.values() if g is not None and g.dim() >= 2]
    if len(norms) < 2 or 0 in (norms[0], norms[-1]):
        return Finding("passed", says)
    says += f"; from {norms[0]:.1e} at the first weights to {norms[-1]:.1e} at the last"
    if norms[0] <= _VANISHED * norms[-1]:
        return Finding(
            "warning", f"{says}: it vanishes on the way, expect it to stay at chance"
        )
    return Finding("passed", says)


def check_same_modes(subject: Subject, depth: int) -> Finding:
    """Whoever says `has_train_mode=False` has no layer that knows the two modes."""
    try:
        check_modes(subject.build(depth), subject.architecture)
    except ValueError as error:
        return Finding("failed", f"{error}")
    knows = subject.architecture.has_train_mode
    return Finding("passed", f"has_train_mode={knows}")


def check_layers(subject: Subject, depth: int) -> Finding:
    """As many weight layers from image to logits as declared, and more than before.

    Counted in autograd's graph, on the longest path to the last head. A warning if
    none are declared and the layers that the tables then count are not as many.
    """
    start, item = subject.architecture.grid.start, subject.architecture
    net = subject.build(depth)
    if any(gradient is None for gradient in _float32_gradients(subject, net).values()):
        return Finding("left out", "not every parameter has a gradient to follow")
    num = _num_on_path(subject, net)
    if depth > start:
        smallest = subject.build(start)
        num_smallest = _num_on_path(subject, smallest)
        if num <= num_smallest and _size(net) == _size(smallest):
            return Finding(
                "failed",
                f"{num} weight layers and {_size(net):,} parameters, as at depth "
                f"{start}: the builder does not use its argument `depth`",
            )
    told = num_weight_layers(item, depth, net)
    says = f"{num} weight layers from image to logits, {_size(net):,} parameters"
    if num == told:
        return Finding("passed", f"{says}{', as declared' if _declares(item) else ''}")
    if _declares(item):
        return Finding("failed", f"{says}, but num_weight_layers({depth}) = {told}")
    return Finding(
        "warning",
        f"{says}, but tables will show {told}, its convolutions and linear layers; "
        "declare num_weight_layers",
    )


def in_float64(subject: Subject, depth: int, num: int) -> tuple[nn.Module, Tensor]:
    """The network and `num` images in float64; in float32 if it cannot run so."""
    net, images = subject.build(depth).double(), subject.images[:num].double()
    try:
        logits(net, images)
    except Exception:  # in the user's own code, which may insist on float32
        return subject.build(depth), images.float()
    return net, images


def _float32_gradients(subject: Subject, net: nn.Module) -> dict[str, Tensor | None]:
    return gradients(net, subject.images[:3], subject.labels[:3])[1]


def _num_on_path(subject: Subject, net: nn.Module) -> int:
    net.requires_grad_()  # the graph does not show what is frozen
    images = subject.images[:3].clone().requires_grad_()
    return num_weight_layers_on_path(logits(net, images)[-1], images, net)


def _declares(item: object) -> bool:
    return getattr(item, "num_weight_layers", None) is not None


def _size(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _why_dead(net: nn.Module, names: list[str], images: Tensor, labels: Tensor) -> str:
    """Which parameters get none, those first that the loss depends on all the same."""
    noticed = [name for name in names if _is_noticed(net, name, images, labels)]
    ignored = [name for name in names if name not in noticed]
    parts = []
    if noticed:
        parts.append(
            f"{_listed(noticed)}: no gradient, though the loss depends on it; it is "
            "cut off on the way, by detach(), .data or no_grad()"
        )
    if ignored:
        parts.append(
            f"{_listed(ignored)}: no gradient, and the loss does not depend on it; "
            "forward() does not use it"
        )
    return "; ".join(parts)


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


def _is_finite(gradient: Tensor) -> bool:
    return bool(gradient.isfinite().all())


def _is_zero(gradient: Tensor | None) -> bool:
    return gradient is None or not gradient.any()


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NUM_SHOWN} more" if len(names) > _NUM_SHOWN else ""
    return ", ".join(names[:_NUM_SHOWN]) + more
