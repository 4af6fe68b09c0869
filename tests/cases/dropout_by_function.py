"""F.dropout, once without `training=`, once with it but no train mode declared."""

from torch import nn
from torch.nn import functional as F

from depthbench import architecture


class Dropping(nn.Module):
    def __init__(self, sizes, *, always):
        super().__init__()
        self.layers = nn.ModuleList(map(nn.Linear, sizes, sizes[1:]))
        self.always = always

    def forward(self, images):
        *inner, last = self.layers
        signal = images.flatten(1)
        for layer in inner:
            signal = F.relu(layer(signal))
            signal = F.dropout(signal, 0.3, training=self.always or self.training)
        return last(signal)


def family(name, *, always, has_train_mode):
    @architecture(name, lr=0.02, start=2, step=2, has_train_mode=has_train_mode)
    def build(depth, *, image_shape, num_classes, generator):
        channels, height, width = image_shape
        sizes = [channels * height * width, *[64] * (depth - 1), num_classes]
        return Dropping(sizes, always=always)

    return build


drop_always = family("drop_always", always=True, has_train_mode=True)
drop_undeclared = family("drop_undeclared", always=False, has_train_mode=False)
