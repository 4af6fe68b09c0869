"""Weights that are meant to be the same at every seed, and some that are not."""

import math

import torch
from torch import nn

from depthbench import architecture


class Net(nn.Module):
    """A first layer with weights of any origin, and a drawn head."""

    def __init__(self, weight, width, classes, *, is_trained=True):
        super().__init__()
        self.first = nn.Linear(weight.shape[1], weight.shape[0])
        self.first.weight = nn.Parameter(weight, requires_grad=is_trained)
        self.middle = nn.Linear(weight.shape[0], width)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        return self.head(self.middle(self.first(images.flatten(1)).tanh()).tanh())


def waves(rows, columns):
    place = torch.arange(columns) / columns
    return torch.stack([(math.pi * row * place).cos() for row in range(rows)])


def pretrained(rows, columns):
    source = torch.Generator().manual_seed(0)
    return torch.randn(rows, columns, generator=source) / columns**0.5


def family(name, weight, *, rows=16, width=16, is_trained=True, intended=()):
    @architecture(name, lr=0.05, start=3, has_train_mode=False, intended=intended)
    def build(depth, *, image_shape, num_classes, generator):
        channels, height, width_ = image_shape
        matrix = weight(rows, channels * height * width_)
        return Net(matrix, width, num_classes, is_trained=is_trained)

    return build


identity = family("identity", torch.eye)
few_waves = family("few_waves", waves, rows=4, width=128)
few_pretrained = family("few_pretrained", pretrained, rows=4, width=128)
all_pretrained = family("all_pretrained", pretrained)
frozen = family("frozen", pretrained, is_trained=False)
declared = family("declared", pretrained, intended=("seeds",))
