"""Layers kept in a Python list, so that no optimizer ever sees them."""

from torch import nn

from depthbench import architecture


class Unregistered(nn.Module):
    def __init__(self, depth, channels, classes):
        super().__init__()
        self.convs = [
            nn.Conv2d(channels if i == 0 else 8, 8, 3, padding=1) for i in range(depth)
        ]
        self.head = nn.Linear(8, classes)

    def forward(self, images):
        signal = images
        for conv in self.convs:
            signal = conv(signal).relu()
        return self.head(signal.mean((2, 3)))


@architecture("plain_list", lr=0.05, start=3, step=3, has_train_mode=False)
def plain_list(depth, *, image_shape, num_classes, generator):
    """Convolutions in a list."""
    return Unregistered(depth, image_shape[0], num_classes)
