"""A look at networks before a long run of them: every step of a training, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.checks.parameters import account
from depthbench.checks.passes import why_a_step_fails
from depthbench.checks.result import listed
from depthbench.checks.seeds import (
    HOW_TO_DRAW,
    differing,
    differs_between_processes,
    digests,
    ignoring_the_seed,
)
from depthbench.checks.subject import built, trained_parameters
from depthbench.datasets.image_data import DataError
from depthbench.spec import Cell, TrialSpec
from depthbench.trial import TrialContext, architecture_of, look_at, set_up, untrained
from depthbench.trial.failures import described

_NUM_IMAGES = 8


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the network of a trial found.

    Attributes:
        reason: Why it cannot be trained, in a line; None if it can.
        notes: What may be meant, and is not as usual.
        digests: Of its tensors before training, by name; of a user's own network.
        image_shape: That it was built for.
        num_classes: The same.
    """

    reason: str | None = None
    notes: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    image_shape: tuple[int, int, int] = (1, 1, 1)
    num_classes: int = 1


def preflight_trials(cells: Sequence[Cell]) -> tuple[TrialSpec, ...]:
    """One trial of each network that the cells train, at its smallest depth.

    Cells that differ in their learning rate alone share one.
    """
    found: dict[tuple[object, ...], TrialSpec] = {}
    for cell in cells:
        trial = replace(cell.template, depth=cell.grid.start)
        found.setdefault(_network(trial), trial)
    return tuple(found.values())


def preflight(trial: TrialSpec, context: TrialContext) -> Look:
    """What keeps the network of a trial from being trained, and what may be meant.

    Networks built for it run every kind of step at the sizes that batches will have;
    a user's own is also held against its parameters and its seeds. No number is
    judged: a NaN may be what a run is to find. A lack of memory is left to the trials
    to find.

    Raises:
        DataError: If the data set cannot be had.
        ProcessUnusableError: If the device failed.
    """
    try:
        with runtime.seeded_global_generators(*trial.entropy, "modules"):
            return _looked(trial, context)
    except DataError:
        raise
    except torch.AcceleratorError as error:
        raise runtime.ProcessUnusableError(str(error)) from error
    except (torch.OutOfMemoryError, MemoryError):
        return Look()
    except (Exception, SystemExit) as error:  # in the user's own code
        return Look(described(error))


def why_not_repeatable(
    trial: TrialSpec, context: TrialContext, found: Look
) -> str | None:
    """What differs if this process builds the network that another one looked at.

    None if nothing does, or the architecture declares that it is intended.
    """
    item = architecture_of(trial, context)
    if not found.digests or "processes" in item.intended:
        return None
    net = built(
        item,
        trial.depth,
        image_shape=found.image_shape,
        num_classes=found.num_classes,
        entropy=trial.entropy,
    )
    names = differing(found.digests, digests(net))
    return differs_between_processes(names) if names else None


def _network(trial: TrialSpec) -> tuple[object, ...]:
    """What cells that train the same network in the same way have in common."""
    return (
        trial.architecture,
        trial.data,
        trial.initializer,
        trial.kernels,
        trial.train_mode,
    )


def _looked(trial: TrialSpec, context: TrialContext) -> Look:
    item = architecture_of(trial, context)
    net, data = set_up(trial, context)
    look_at(trial, context)
    if not trained_parameters(net):
        raise ValueError("no parameter is to be trained")
    images = data.normalized(data.train.images[:_NUM_IMAGES])
    labels = data.train.labels[:_NUM_IMAGES]
    wrong, left_over = account(net.train(), images, labels, l2=trial.l2)
    if wrong and "parameters" not in item.intended:
        return Look("; ".join(wrong))
    failing = why_a_step_fails(lambda: untrained(trial, context), data, trial)
    if failing:
        return Look(failing)
    if item.plugin_sha256 is None:
        return Look()
    channels, height, width = data.train.images.shape[1:]
    look = Look(None, left_over, {}, (channels, height, width), data.num_classes)
    return _with_seeds(item, trial, look)


def _with_seeds(item: Architecture, trial: TrialSpec, look: Look) -> Look:
    """The same look, and whether the weights follow the seed."""
    first, other = (
        built(
            item,
            trial.depth,
            image_shape=look.image_shape,
            num_classes=look.num_classes,
            entropy=replace(trial, seed=seed).entropy,
        )
        for seed in (trial.seed, trial.seed + 1)
    )
    ignored = ignoring_the_seed(first, other)
    look = replace(look, digests=digests(first))
    if not ignored.names or "seeds" in item.intended:
        return look
    says = (
        f"{listed(ignored.names)}: the same at every seed ({ignored.share:.0%} of the "
        f"drawn weights); {HOW_TO_DRAW}"
    )
    if ignored.share > 0.5:
        return Look(f"{says}, or declare intended=('seeds',)")
    return replace(look, notes=(*look.notes, says))
