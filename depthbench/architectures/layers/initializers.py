"""Initial weights of a network, drawn by the name of a rule."""

from collections.abc import Callable, Iterable
from functools import partial

from torch import Generator, nn

from depthbench.architectures.initializers import canonical, weight_deviation
from depthbench.architectures.layers.weights import (
    WeightLayer,
    draw_default,
    draw_normal,
    draw_orthogonal,
    draw_uniform,
    fan_in,
    fan_out,
    weight_layers,
)


def rule(name: str) -> Callable[[WeightLayer, Generator], None]:
    """How a layer is drawn by a rule in `architectures.initializers`.

    Raises:
        ValueError: If there is none of this name.
    """
    name = canonical(name)
    if name == "default":
        return draw_default
    if name.endswith("orthogonal"):
        return partial(draw_orthogonal, only_centre=name.startswith("delta"))

    def draw(layer: WeightLayer, generator: Generator) -> None:
        deviation = weight_deviation(name, fan_in(layer), fan_out(layer))
        (draw_uniform if name == "xavier" else draw_normal)(layer, deviation, generator)

    return draw


def draw_weights(
    net: nn.Module,
    name: str,
    generator: Generator,
    *,
    heads: Iterable[nn.Module] = (),
    of_heads: str = "default",
) -> None:
    """Draw every convolution and linear layer, in the order of `net.modules()`.

    Norms stay at scale 1 and shift 0.

    Args:
        net: Changed in place.
        name: Rule of all layers but the heads.
        generator: Of the CPU.
        heads: Layers of `net` that give logits.
        of_heads: Their rule.
    """
    draw, draw_head = rule(name), rule(of_heads)
    ids = {id(head) for head in heads}
    for layer in weight_layers(net):
        (draw_head if id(layer) in ids else draw)(layer, generator)
