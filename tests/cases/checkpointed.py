"""Activation checkpointing, both kinds, with and without BatchNorm inside."""

from torch import nn
from torch.utils.checkpoint import checkpoint

from depthbench import architecture


class Checkpointed(nn.Module):
    def __init__(self, depth, channels, classes, *, norm, reentrant):
        super().__init__()
        self.stem = nn.Conv2d(channels, 8, 3, padding=1)

        def block():
            layers = [nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
            return nn.Sequential(*layers[:1], *[nn.BatchNorm2d(8)] * norm, layers[1])

        self.blocks = nn.ModuleList(block() for _ in range(depth - 2))
        self.head = nn.Linear(8, classes)
        self.reentrant = reentrant

    def forward(self, images):
        signal = self.stem(images)
        for block in self.blocks:
            signal = checkpoint(block, signal, use_reentrant=self.reentrant)
        return self.head(signal.mean((2, 3)))


def family(name, **kind):
    @architecture(name, lr=0.05, start=4, step=2, has_train_mode=kind["norm"])
    def build(depth, *, image_shape, num_classes, generator):
        return Checkpointed(depth, image_shape[0], num_classes, **kind)

    return build


ckpt_reentrant = family("ckpt_reentrant", norm=False, reentrant=True)
ckpt_plain = family("ckpt_plain", norm=False, reentrant=False)
ckpt_bn = family("ckpt_bn", norm=True, reentrant=False)
