"""Every kind of step of a training, once each, at the sizes that its batches have."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import nn

from depthbench.checks.subject import loss_of
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData
from depthbench.training.resident import Split
from depthbench.trial.failures import described


class _Step(NamedTuple):
    """Attributes: what it is called; the images it takes; in train mode or not."""

    what: str
    split: Split
    size: int
    is_training: bool
    mode: bool


def why_a_step_fails(
    build: Callable[[], nn.Module], data: ResidentData, spec: TrialSpec
) -> str | None:
    """What the first step that raises says, with what to change; None if none does.

    Of the first and of the last batch of each pass of an epoch: training in the modes
    that the protocol has, and tests in evaluation mode.

    Args:
        build: Makes the network.
        data: Of the trial.
        spec: Of the trial.

    Raises:
        MemoryError: If memory does not suffice, of whatever kind it is.
    """
    net = build()
    for step in _steps(data, spec):
        images = data.normalized(step.split.images[: step.size])
        labels = step.split.labels[: step.size]
        net.train(step.mode)
        try:
            with torch.set_grad_enabled(step.is_training):
                loss = loss_of(net, images, labels)
            if step.is_training:
                loss.backward()
        except (torch.OutOfMemoryError, torch.AcceleratorError, MemoryError):
            raise
        except Exception as error:  # in the user's own code
            return f"{step.what}: {described(error)}{_remedy(step, spec)}"
        net.zero_grad()
    return None


def _steps(data: ResidentData, spec: TrialSpec) -> Iterator[_Step]:
    modes = [True, False] if spec.train_mode == "first_epoch" else [True]
    for mode in modes:
        where = "" if mode else " in evaluation mode, as this protocol has it"
        for size in _sizes(len(data.train), spec.batch_size):
            what = f"a training step on {_images(size)}{where}"
            yield _Step(what, data.train, size, True, mode)
    tested = {"test": data.test, "validation": data.validation}
    if spec.train_after:
        tested["training set's test"] = data.train
    for name, split in tested.items():
        if split is None:
            continue
        for size in _sizes(len(split), spec.batch_size):
            yield _Step(f"a {name} step on {_images(size)}", split, size, False, False)


def _sizes(num_images: int, batch_size: int) -> tuple[int, ...]:
    """Sizes of the first and of the last batch of a pass."""
    first = min(num_images, batch_size)
    return tuple(dict.fromkeys((first, num_images % batch_size or first)))


def _remedy(step: _Step, spec: TrialSpec) -> str:
    """What leaves no such batch over, if it is what is left over."""
    num, batch = len(step.split), spec.batch_size
    if step.size != num % batch:
        return ""
    fits = (b for b in range(batch, 0, -1) if not 0 < num % b < max(b // 2, 2))
    limit = f", or train_limit = {num - step.size}" * (step.is_training and num > batch)
    return (
        f"; it is left over of {num:,} images in batches of {batch}: try batch = "
        f"{next(fits)}{limit}"
    )


def _images(size: int) -> str:
    return "1 image" if size == 1 else f"{size:,} images"
