"""The architectures at hand: built in, from installed packages, from plugin files."""

from depthbench.architectures.loading import load_architectures
from depthbench.architectures.notebook import NOTEBOOK_STACKS

__all__ = ["NOTEBOOK_STACKS", "load_architectures"]
