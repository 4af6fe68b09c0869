"""From a study, as a user writes it, to its cells, every choice made."""

from collections.abc import Sequence
from dataclasses import replace

from depthbench.architectures.claims import CLAIMS
from depthbench.architectures.definition import Architecture
from depthbench.architectures.stack import stack_of
from depthbench.datasets import Dataset
from depthbench.kernels import compiled
from depthbench.registry import Registry
from depthbench.search import check_search
from depthbench.spec import Cell, Rate, StudySpec, TrialSpec
from depthbench.spec.protocol import PROTOCOL_FIELDS
from depthbench.spec.trial import Kernels, TrainMode


def resolve_cells(
    study: StudySpec,
    architectures: Registry[Architecture],
    data_sets: Registry[Dataset],
    *,
    device: str,
) -> tuple[Cell, ...]:
    """One cell for each architecture x data set x protocol x learning rate.

    In the study's order; the rates from the lowest on, a scaled one last.

    Raises:
        ValueError: If a name is unknown, the initialiser or the fused kernels do not
            apply, or the search does not fit the architecture's depths.
    """
    cells = tuple(
        cell
        for name in architectures.match(study.arch)
        for data in data_sets.match(study.data)
        for protocol in dict.fromkeys(study.protocol)
        for cell in _rate_cells(
            study, _cell(study, architectures[name], data, protocol, device)
        )
    )
    for cell in cells:
        check_search(cell)
    return cells


def _rate_cells(study: StudySpec, own: Cell) -> tuple[Cell, ...]:
    """The cells of a study's learning rates, made from that of the one rate."""
    lr = own.template.lr
    cells = [_at_rate(own, each, is_own=each == lr) for each in sorted(study.lr_grid)]
    if study.tune_lr:
        tuned = Rate(name="tuned", range=study.lr_range)
        cells = [replace(own, rate=tuned, reference=None)]
    if study.lr_scaling is not None:
        cells = cells or [_at_rate(own, lr, is_own=True)]
        depth = study.lr_depth or own.grid.start
        scaled = Rate(name="scaled", exponent=study.lr_scaling, depth=depth)
        cells.append(replace(own, rate=scaled, reference=None))
    return tuple(cells) or (own,)


def _at_rate(own: Cell, lr: float, *, is_own: bool) -> Cell:
    return replace(
        own,
        template=replace(own.template, lr=lr),
        rate=Rate(name=f"lr {lr}", is_own=is_own),
        reference=own.reference if is_own else None,
    )


def _cell(
    study: StudySpec, architecture: Architecture, data: str, protocol: str, device: str
) -> Cell:
    chosen = architecture.with_initializer(study.init)
    is_own = chosen.initializer == architecture.initializer
    is_builtin = architecture.plugin_sha256 is None
    is_notebooks = is_own and data == "mnist" and study.has_notebook_settings
    return Cell(
        protocol=protocol,
        template=TrialSpec(
            architecture=architecture.name,
            depth=architecture.grid.start,
            data=data,
            seed=0,
            lr=study.lr or architecture.lr,
            initializer=None if is_own else chosen.initializer,
            epochs=study.epochs,
            batch_size=study.batch,
            momentum=study.momentum,
            weight_decay=study.weight_decay,
            **{name: getattr(study, name) for name in PROTOCOL_FIELDS},
            train_mode=_train_mode(protocol, architecture),
            device=device,
            kernels=_kernels(study, architecture, device),
            plugin_sha256=architecture.plugin_sha256,
        ),
        criterion=study.criterion_of(protocol),
        grid=architecture.grid,
        description=chosen.summary,
        reference=architecture.reference if is_notebooks else None,
        source=architecture.source,
        claim=CLAIMS.get(architecture.name) if is_own and is_builtin else None,
        search=study.search_spec,
    )


def _train_mode(protocol: str, architecture: Architecture) -> TrainMode:
    """The notebook's bug of train mode, where it can make a difference.

    Its multi-head loop does call `train()`; and without a layer that knows the two
    modes, a trial is the same under both protocols.
    """
    stack = stack_of(architecture)
    is_multihead = stack is not None and stack.multihead
    has_modes = architecture.has_train_mode and not is_multihead
    slips = protocol == "notebook" and has_modes
    return "first_epoch" if slips else "every_epoch"


def _kernels(study: StudySpec, architecture: Architecture, device: str) -> Kernels:
    """What `auto` stands for: the fused kernels where they exist."""
    if study.kernels == "reference":
        return "reference"
    on_cpu = device == "cpu"
    reason = unfused(architecture) if on_cpu else "the fused kernels are for CPUs"
    if study.kernels == "fused":
        if reason:
            raise ValueError(f"kernels = fused: {reason}; use auto or reference")
        return "fused"
    is_there = not reason and not compiled.missing()
    return "fused" if is_there else "reference"


def unfused(architecture: Architecture) -> str | None:
    """Why the fused kernels cannot compute an architecture; None if they can."""
    stack = stack_of(architecture)
    if stack is None:
        return f"{architecture.name} is not a Stack, the only kind they can compute"
    if stack.group_norm or stack.gated:
        what = "a gate" if stack.gated else "GroupNorm"
        return f"{architecture.name} has {what}, the fused kernels have none"
    activation = stack.activation
    if activation not in compiled.ACTIVATIONS:
        known = ", ".join(compiled.ACTIVATIONS)
        return f"{architecture.name} has {activation}, the fused kernels know {known}"
    return None


def with_sound_kernels(
    study: StudySpec, cells: Sequence[Cell], architectures: Registry[Architecture]
) -> tuple[tuple[Cell, ...], str | None]:
    """The cells of a study, all on the reference where `auto` chose wrong kernels.

    Returns:
        The cells, and what is wrong with the fused kernels on this machine; None if
        nothing is.
    """
    if study.kernels != "auto":
        return tuple(cells), None
    from depthbench.trial.self_check import wrong_kernels

    reason = wrong_kernels(cells, architectures)
    if reason is None:
        return tuple(cells), None
    return tuple(
        replace(cell, template=replace(cell.template, kernels="reference"))
        for cell in cells
    ), reason
