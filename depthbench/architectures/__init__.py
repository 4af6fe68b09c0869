"""The built-in architectures: one family a file, one line here."""

from depthbench.architectures.baselines import BASELINES
from depthbench.architectures.deep_convnet import DEEP_CONVNETS
from depthbench.architectures.definition import Architecture, Description
from depthbench.architectures.fixup import FIXUPS
from depthbench.architectures.ladder import LADDER_STACKS
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.preresnet import PRERESNETS
from depthbench.architectures.residual_cnn import RESIDUAL_CNNS
from depthbench.architectures.residual_mlp import RESIDUAL_MLPS
from depthbench.architectures.vit import VITS
from depthbench.registry import Registry

_FAMILIES: tuple[tuple[Description, ...], ...] = (
    NOTEBOOK_STACKS,
    LADDER_STACKS,
    FIXUPS,
    VITS,
    RESIDUAL_MLPS,
    PRERESNETS,
    RESIDUAL_CNNS,
    DEEP_CONVNETS,
    BASELINES,
)

ARCHITECTURES: Registry[Architecture] = Registry(
    "architecture",
    {item.name: item.to_architecture() for family in _FAMILIES for item in family},
)
