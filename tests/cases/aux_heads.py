"""Extra heads in train mode only, named tuple with the main head first."""

from collections import namedtuple

from torch import nn

from depthbench import architecture

Heads = namedtuple("Heads", "main aux")


class WithAux(nn.Module):
    def __init__(self, depth, channels, classes):
        super().__init__()
        half = depth // 2
        self.first = self.part(channels, half)
        self.second = self.part(8, depth - half)
        self.aux, self.main = nn.Linear(8, classes), nn.Linear(8, classes)

    @staticmethod
    def part(width, depth):
        layers = []
        for _ in range(depth):
            layers += [nn.Conv2d(width, 8, 3, padding=1), nn.Tanh()]
            width = 8
        return nn.Sequential(*layers)

    def forward(self, images):
        early = self.first(images)
        main = self.main(self.second(early).mean((2, 3)))
        if self.training:
            return Heads(main, self.aux(early.mean((2, 3))))
        return main


class AsDict(WithAux):
    def forward(self, images):
        return {"logits": self.main(self.second(self.first(images)).mean((2, 3)))}


@architecture("aux_in_training", lr=0.05, start=4, step=2)
def aux_in_training(depth, *, image_shape, num_classes, generator):
    """(main, aux) in train mode, main alone in evaluation."""
    return WithAux(depth, image_shape[0], num_classes)


@architecture("logits_in_dict", lr=0.05, start=4, step=2)
def logits_in_dict(depth, *, image_shape, num_classes, generator):
    """A dict of logits."""
    return AsDict(depth, image_shape[0], num_classes)
