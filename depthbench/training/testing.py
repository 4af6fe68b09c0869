"""Passes over images to test on; they change nothing of the network but its mode."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from depthbench.training.batches import DataPass, SplitMetrics

# Runs a step, given a key that is equal for steps that differ in nothing but what
# their tensors hold, and the step.
Runner = Callable[[Hashable, Callable[[], None]], None]


def run_eagerly(key: Hashable, step: Callable[[], None]) -> None:
    """The runner that does nothing else."""
    del key
    step()


@contextmanager
def batch_statistics(net: nn.Module) -> Iterator[bool]:
    """BatchNorm in train mode, its running statistics untouched; False without any."""
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    tracking = [norm for norm in norms if norm.track_running_stats]
    for norm in tracking:
        norm.train()
        norm.track_running_stats = False
    try:
        yield bool(tracking)
    finally:
        for norm in tracking:
            norm.track_running_stats = True
            norm.eval()


@contextmanager
def unchanged(net: nn.Module) -> Iterator[None]:
    """Parameters and buffers are afterwards what they were before.

    A layer may take its scale from the first images it sees, and these should be the
    first that it is trained on.
    """
    kept = {t: t.detach().clone() for t in (*net.parameters(), *net.buffers())}
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in kept.items():
                tensor.copy_(value)


def tested(testing: DataPass, mode: str, run: Runner) -> SplitMetrics:
    """The means of one pass over a split.

    `mode` names the split and the mode of the network, as no other pass of a training
    does.
    """
    testing.rewind()
    for num_images in testing.sizes:
        run(("test", mode, num_images), partial(testing.test_step, num_images))
    return testing.means()
