"""BatchNorm1d over vectors: a last batch of one image cannot be normalised."""

from torch import nn

from depthbench import architecture


@architecture("bn_vectors", lr=0.05, start=2, step=2)
def bn_vectors(depth, *, image_shape, num_classes, generator):
    """Linear, BatchNorm1d, ReLU."""
    channels, height, width = image_shape
    layers, size = [nn.Flatten()], channels * height * width
    for _ in range(depth - 1):
        layers += [nn.Linear(size, 32), nn.BatchNorm1d(32), nn.ReLU()]
        size = 32
    return nn.Sequential(*layers, nn.Linear(size, num_classes))
