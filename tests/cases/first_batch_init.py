"""A layer that sets scale and shift from the first batch it sees (ActNorm, LSUV)."""

import torch
from torch import nn

from depthbench import architecture


class FirstBatchNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.scale = nn.Parameter(torch.ones(1, width, 1, 1))
        self.register_buffer("is_set", torch.tensor(False))
        self.register_buffer("set_by", torch.tensor(0))  # images in that batch

    def forward(self, signal):
        if not self.is_set:
            with torch.no_grad():
                self.shift.copy_(-signal.mean((0, 2, 3), keepdim=True))
                std = signal.std((0, 2, 3), keepdim=True)
                self.scale.copy_(1 / (std + 1e-6))
                self.is_set.fill_(True)
                self.set_by.fill_(len(signal))
        return (signal + self.shift) * self.scale


@architecture("first_batch_init", lr=0.05, start=3, step=2, has_train_mode=False)
def first_batch_init(depth, *, image_shape, num_classes, generator):
    """Conv, norm frozen after the first batch, ReLU."""
    layers, width = [], image_shape[0]
    for _ in range(depth - 1):
        layers += [nn.Conv2d(width, 8, 3, padding=1), FirstBatchNorm(8), nn.ReLU()]
        width = 8
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes)
    )
