"""The convolution block, computed two ways that agree: in PyTorch and in C++."""
