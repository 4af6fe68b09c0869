"""Networks that know train and evaluation mode by no layer that is known for it."""

import torch
from torch import nn

from depthbench import architecture


class Deeper(nn.Module):
    """Drops whole branches, the deeper the likelier; the first of them never."""

    def __init__(self, depth, features, classes):
        super().__init__()
        self.first = nn.Linear(features, 16)
        self.branches = nn.ModuleList(nn.Linear(16, 16) for _ in range(depth - 2))
        self.head = nn.Linear(16, classes)

    def forward(self, images):
        signal = self.first(images.flatten(1)).tanh()
        for place, branch in enumerate(self.branches):
            kept = torch.rand(len(signal), 1) >= 0.3 * (place > 0)
            signal = signal + branch(signal).tanh() * (kept if self.training else 1.0)
        return self.head(signal)


class Counting(Deeper):
    """A buffer that moves in train mode; what comes out does not show it."""

    def __init__(self, depth, features, classes):
        super().__init__(depth, features, classes)
        self.branches = nn.ModuleList()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, images):
        if self.training:
            self.seen += len(images)
        return super().forward(images)


def family(kind):
    @architecture(kind.__name__, lr=0.05, start=3, step=1, has_train_mode=False)
    def build(depth, *, image_shape, num_classes, generator):
        channels, height, width = image_shape
        return kind(depth, channels * height * width, num_classes)

    return build


deeper, counting = family(Deeper), family(Counting)
