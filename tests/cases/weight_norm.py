"""Weight_norm and orthogonal parametrizations, for `--l2` and `--weight-decay`."""

from torch import nn
from torch.nn.utils.parametrizations import orthogonal, weight_norm

from depthbench import architecture


def family(name, wrap):
    @architecture(name, lr=0.05, start=3, step=2, has_train_mode=False)
    def build(depth, *, image_shape, num_classes, generator):
        layers, width = [], image_shape[0]
        for _ in range(depth - 1):
            layers += [wrap(nn.Conv2d(width, 8, 3, padding=1)), nn.Tanh()]
            width = 8
        return nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes)
        )

    return build


wn_conv = family("wn_conv", weight_norm)
orthogonal_conv = family("orthogonal_conv", orthogonal)
no_parametrization = family("no_parametrization", lambda conv: conv)
