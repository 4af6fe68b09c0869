"""A look at networks before a long run of them: two images, forward and backward."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from depthbench import runtime
from depthbench.checks.subject import loss_of
from depthbench.datasets.image_data import DataError
from depthbench.spec import Cell, TrialSpec
from depthbench.trial import TrialContext, set_up
from depthbench.trial.failures import described
from depthbench.trial.network import check_logits

_NUM_IMAGES = 2


def preflight_trials(cells: Sequence[Cell]) -> tuple[TrialSpec, ...]:
    """One trial of each network that the cells train, at its smallest depth.

    Cells that differ in learning rate or protocol alone share one.
    """
    found: dict[tuple[object, ...], TrialSpec] = {}
    for cell in cells:
        trial = replace(cell.template, depth=cell.grid.start)
        key = trial.architecture, trial.data, trial.initializer, trial.kernels
        found.setdefault(key, trial)
    return tuple(found.values())


def preflight(trial: TrialSpec, context: TrialContext) -> str | None:
    """What keeps the network of a trial from being trained, in one line, or None.

    Two images go through it on its device, in both modes, and their loss back. No
    number is judged: a NaN may be what a run is to find. A lack of memory is left to
    the trials to find.

    Raises:
        DataError: If the data set cannot be had.
        ProcessUnusableError: If the device failed.
    """
    try:
        with runtime.seeded_global_generators(*trial.entropy, "modules"):
            _run_two_images(trial, context)
    except DataError:
        raise
    except torch.AcceleratorError as error:
        raise runtime.ProcessUnusableError(str(error)) from error
    except (torch.OutOfMemoryError, MemoryError):
        return None
    except (Exception, SystemExit) as error:  # in the user's own code
        return described(error)
    return None


def _run_two_images(trial: TrialSpec, context: TrialContext) -> None:
    net, data = set_up(trial, context)
    check_logits(net, data, data.num_classes)
    images = data.normalized(data.train.images[:_NUM_IMAGES])
    loss = loss_of(net.train(), images, data.train.labels[:_NUM_IMAGES])
    if not any(parameter.requires_grad for parameter in net.parameters()):
        raise ValueError("no parameter is to be trained")
    if not loss.requires_grad:
        raise ValueError(
            "the loss does not depend on any parameter; is there a detach(), .data or "
            "no_grad() in forward()?"
        )
    loss.backward()
