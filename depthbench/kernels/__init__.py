"""The convolution block, computed three ways that agree: one operator, three twins."""
