"""The built-in architectures: one family a file, one line here."""

from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.blueprint import Architecture
from depthbench.registry import Registry

_FAMILIES = (NOTEBOOK_STACKS,)

ARCHITECTURES: Registry[Architecture] = Registry(
    "architecture",
    {stack.name: stack.to_architecture() for family in _FAMILIES for stack in family},
)
