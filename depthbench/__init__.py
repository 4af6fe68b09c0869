"""How deep can this network architecture be and still train?

What a file that adds architectures needs: `Stack` describes one by its ingredients,
`architecture` turns a function that builds an `nn.Module` into one, and
`functional_net` makes a module of a function over a list of tensors.
"""

from depthbench.architectures.definition import Architecture, Stack, architecture
from depthbench.architectures.functional import functional_net

__all__ = ["Architecture", "Stack", "architecture", "functional_net"]
