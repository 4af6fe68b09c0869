"""The built-in architectures: one family a file, one line here."""

from depthbench.architectures.baselines import BASELINES
from depthbench.architectures.deep_convnet import DEEP_CONVNETS
from depthbench.architectures.definition import Architecture
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.preresnet import PRERESNETS
from depthbench.architectures.residual_cnn import RESIDUAL_CNNS
from depthbench.registry import Registry

_FAMILIES: tuple[tuple[Architecture, ...], ...] = (
    tuple(stack.to_architecture() for stack in NOTEBOOK_STACKS),
    PRERESNETS,
    RESIDUAL_CNNS,
    tuple(net.to_architecture() for net in DEEP_CONVNETS),
    BASELINES,
)

ARCHITECTURES: Registry[Architecture] = Registry(
    "architecture", {item.name: item for family in _FAMILIES for item in family}
)
