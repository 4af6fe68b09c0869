"""How deep can this network architecture be and still train?

What a file that adds architectures needs: `Stack` describes one by its ingredients,
`architecture` turns a function that builds an `nn.Module` into one.
"""

from depthbench.blueprint import Architecture, Stack, architecture

__all__ = ["Architecture", "Stack", "architecture"]
