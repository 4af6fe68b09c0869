"""Four ways to draw weights that do not follow the trial's seed."""

import random
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from depthbench import architecture


def mlp(depth, shape, classes, drawn):
    channels, height, width = shape
    sizes = [channels * height * width, *[32] * (depth - 1), classes]
    layers = [nn.Flatten()]
    for fan_in, fan_out in pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        with torch.no_grad():
            linear.weight.copy_(drawn(fan_out, fan_in) / fan_in**0.5)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def family(name, make_drawn):
    @architecture(name, lr=0.05, start=2, step=1, has_train_mode=False)
    def build(depth, *, image_shape, num_classes, generator):
        return mlp(depth, image_shape, num_classes, make_drawn(generator))

    return build


def by_numpy(generator):
    return lambda *s: torch.from_numpy(np.random.randn(*s)).float()  # noqa: NPY002


def by_random(generator):
    random.seed(0)
    return lambda rows, columns: torch.tensor(
        [[random.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]
    )


def by_reseeding(generator):
    torch.manual_seed(0)
    return torch.randn


def by_hash(generator):
    # The same twice in one process, another in the next: str hashes are salted.
    salted = hash(("weights", generator.initial_seed())) % 2**31
    own = torch.Generator().manual_seed(salted)
    return lambda *s: torch.randn(*s, generator=own)


seed_numpy = family("seed_numpy", by_numpy)
seed_random = family("seed_random", by_random)
seed_reseeded = family("seed_reseeded", by_reseeding)
seed_hash = family("seed_hash", by_hash)
