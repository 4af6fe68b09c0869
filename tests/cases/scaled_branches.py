"""Residual branches without norm: plain sum, ReZero, SkipInit-like, Fixup-like."""

import torch
from torch import nn

from depthbench import architecture


class Branch(nn.Module):
    def __init__(self, kind, num_blocks, generator):
        super().__init__()
        self.first = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.second = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        with torch.no_grad():
            for conv in (self.first, self.second):
                conv.weight.normal_(0, (2 / 72) ** 0.5, generator=generator)
            if kind == "fixup":
                self.first.weight *= num_blocks**-0.5
                self.second.weight.zero_()
        start = {"sum": None, "rezero": 0.0, "skipinit": 0.0, "fixup": 1.0}[kind]
        self.scale = None if start is None else nn.Parameter(torch.tensor(start))

    def forward(self, signal):
        out = self.second(self.first(signal.relu()).relu())
        return signal + (out if self.scale is None else self.scale * out)


def family(kind):
    @architecture(
        f"nobn_{kind}",
        lr=0.05,
        start=4,
        step=2,
        has_train_mode=False,
        promises_initial_loss=kind != "sum",
    )
    def build(depth, *, image_shape, num_classes, generator):
        num_blocks = (depth - 2) // 2
        head = nn.Linear(8, num_classes)
        if kind == "fixup":
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        return nn.Sequential(
            nn.Conv2d(image_shape[0], 8, 3, padding=1),
            *[Branch(kind, num_blocks, generator) for _ in range(num_blocks)],
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            head,
        )

    return build


nobn_sum, nobn_rezero, nobn_skipinit, nobn_fixup = map(
    family, ("sum", "rezero", "skipinit", "fixup")
)
