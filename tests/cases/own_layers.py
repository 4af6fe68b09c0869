"""Weights that no one registered, or that are multiplied by a layer of one's own."""

import torch
from torch import nn
from torch.nn import functional

from depthbench import architecture


class InDict(nn.Module):
    """Layers in a dict, and in a tuple in it."""

    def __init__(self, features, classes):
        super().__init__()
        self.parts = {"first": (nn.Linear(features, 16),)}
        self.head = nn.Linear(16, classes)

    def forward(self, images):
        return self.head(self.parts["first"][0](images.flatten(1)).tanh())


class Bare(InDict):
    """A tensor that requires a gradient, and is no parameter."""

    def __init__(self, features, classes):
        super().__init__(features, classes)
        self.parts = {}
        self.weight = torch.randn(features, 16).div_(features**0.5).requires_grad_()

    def forward(self, images):
        return self.head((images.flatten(1) @ self.weight).tanh())


class Plain(Bare):
    """A matrix that nothing trains."""

    def __init__(self, features, classes):
        super().__init__(features, classes)
        self.weight = self.weight.detach()


class Late(InDict):
    """A layer that is made when the first images come."""

    def forward(self, images):
        if not hasattr(self, "late"):
            self.late = nn.Linear(images[0].numel(), 16)
        return self.head(self.late(images.flatten(1)).tanh())


class Cut(InDict):
    """A head on features whose gradient is cut off."""

    def __init__(self, features, classes):
        super().__init__(features, classes)
        self.parts, self.first = {}, nn.Linear(features, 16)

    def forward(self, images):
        return self.head(self.first(images.flatten(1)).tanh().detach())


class Lazy(Cut):
    """A lazy layer, which has no weights before the first images."""

    def __init__(self, features, classes):
        super().__init__(features, classes)
        self.first = nn.LazyLinear(16)

    def forward(self, images):
        return self.head(self.first(images.flatten(1)).tanh())


class Half(Lazy):
    """A parameter of another type, which is trained in it."""

    def __init__(self, features, classes):
        super().__init__(features, classes)
        self.first = nn.Linear(features, 16)
        self.scale = nn.Parameter(torch.ones(16, dtype=torch.bfloat16))

    def forward(self, images):
        return self.head(self.first(images.flatten(1)).tanh() * self.scale.float())


class OwnLinear(nn.Module):
    """A linear layer of one's own."""

    def __init__(self, features, out):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(out, features) / features**0.5)

    def forward(self, signal):
        return functional.linear(signal, self.kernel)


class Mixed(Lazy):
    """A layer of one's own below a head of PyTorch's; and a scale, which is none."""

    def __init__(self, features, classes):
        super().__init__(features, classes)
        self.first = OwnLinear(features, 16)
        self.scale = nn.Parameter(torch.ones(1, 16))

    def forward(self, images):
        return self.head(self.first(images.flatten(1)).tanh() * self.scale)


def family(kind):
    @architecture(
        kind.__name__, lr=0.05, start=2, step=1, num_weight_layers=lambda k: 2
    )
    def build(depth, *, image_shape, num_classes, generator):
        channels, height, width = image_shape
        return kind(channels * height * width, num_classes)

    return build


in_dict, bare, plain, late, cut, lazy, half, mixed = map(
    family, (InDict, Bare, Plain, Late, Cut, Lazy, Half, Mixed)
)
