"""The forecast of one cell of a study: the lower of two limits, and which it is."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from depthbench.architectures.definition import Architecture
from depthbench.architectures.stack import Stack
from depthbench.datasets.image_data import ImageData
from depthbench.forecasting.limit import (
    FACTOR,
    LITERATURE,
    AtDepth,
    Ended,
    Forecast,
    LimitedBy,
    Probe,
    first_step_limit,
    signal_limit,
    thresholds,
    typical,
)
from depthbench.forecasting.measured import Untrained
from depthbench.forecasting.stack_theory import has_theory, stack_theory
from depthbench.spec import Cell, DepthGrid

NUM_SEEDS = 4
DEEPEST = 300
_RATIO = 1.6  # between the depths that are looked at
_NUM_PROBES = 3  # at a depth; most of them decide
_DEEPEST_PROBE = 100  # deeper ones would take longer than a minute together
_SHALLOWEST = 12  # times shallower than the limit so far, where probes begin
_NUM_IMAGES_OF_THEORY = 4
_DEEPEST_THEORY = 100  # layer by layer, deeper ones would take most of the time


def predict(
    cell: Cell,
    architecture: Architecture,
    data: ImageData,
    *,
    depths: tuple[int, int] | None = None,
    seeds: int = NUM_SEEDS,
    probe: bool = True,
    until: float = math.inf,
) -> Forecast:
    """How deep the trainings of a cell will go; nothing is stored.

    The signal's limit is read off D of untrained networks on one batch; the learning
    rate's off the loss after one step, and off short trainings between the smallest
    depth and the limit so far, if `probe` is set: a few dozen steps on 64 images, less
    than a twentieth of a trial each. Only these see a rate that is too large once the
    loss leaves its plateau.

    Args:
        cell: With the learning rate and the length of the trainings.
        architecture: Of the cell.
        data: Of the cell.
        depths: Smallest and largest depth to look at; None for the grid's first and
            300, or the cap of the search.
        seeds: Networks at each depth, at least 1.
        probe: Whether to train at all.
        until: Reading of `runtime.cpu_seconds` when time is up.

    Raises:
        TimeoutError: If time is up before the forecast is made.
        Exception: What a user's builder raises.
    """
    item = architecture.with_initializer(cell.template.initializer)
    untrained = Untrained(item, cell.template, data, until=until)
    num_train = cell.template.train_limit or len(data.train_labels)
    num_steps = cell.template.epochs * math.ceil(num_train / cell.template.batch_size)
    momentum = cell.template.momentum if cell.template.optimizer == "sgd" else 0.0
    limits = thresholds(cell.template.lr, momentum, num_steps)
    deepest = cell.grid.floor(min(DEEPEST, cell.search.cap))
    low, high = depths or (cell.grid.start, deepest)
    measured = tuple(_measured(untrained, cell.grid, (low, high), limits, seeds))
    signal = signal_limit(measured, limits, 0.5)
    deepest = measured[-1].depth if measured else high
    first = first_step_limit(measured)
    bound = min(x for x in (deepest, signal, first) if x is not None)
    probes = list(_probed(untrained, cell.grid, low, bound)) if probe else []
    rate = _rate_limit(probes, first)
    found = [limit for limit in (signal, rate) if limit is not None]
    k50 = min(found, default=None)
    return Forecast(
        architecture=cell.architecture,
        data=cell.data,
        lr=cell.template.lr,
        k50=k50,
        k90=signal_limit(measured, limits, 0.9) if k50 == signal else None,
        low=None if k50 is None else k50 / FACTOR,
        high=None if k50 is None else k50 * FACTOR,
        limited_by=_limited_by(k50, signal, measured),
        signal=signal,
        rate=rate,
        threshold=limits,
        deepest=deepest,
        measured=measured,
        probes=tuple(probes),
        closed_form=tuple(_closed_form(item, untrained, measured)),
    )


def _measured(
    untrained: Untrained,
    grid: DepthGrid,
    depths: tuple[int, int],
    limits: tuple[float, float],
    seeds: int,
) -> Iterator[AtDepth]:
    # Until every threshold is passed, those of literature too.
    vanishing, exploding = (max(limit, *LITERATURE) for limit in limits)
    for depth in _ladder(grid, *depths):
        found = untrained.at(depth, range(seeds))
        if found is None:
            continue
        yield found
        nats = typical(found.nats)
        is_beyond = not -vanishing < nats < exploding
        if is_beyond or all(not math.isfinite(ratio) for ratio in found.loss_ratio):
            return


def _ladder(grid: DepthGrid, low: int, high: int) -> Iterator[int]:
    depth = grid.floor(low)
    while depth <= high:
        yield depth
        depth = max(depth + grid.step, grid.floor(round(depth * _RATIO)))


def _probed(
    untrained: Untrained, grid: DepthGrid, low: int, bound: float
) -> Iterator[Probe]:
    """Probes from shallow depths up, until most fail or do not even begin to learn.

    Deeper networks take longer to leave their plateau, and each step longer.
    """
    last = min(bound, _DEEPEST_PROBE)
    passes = 0
    for depth in _ladder(
        grid, max(low, grid.floor(int(last / _SHALLOWEST))), int(last)
    ):
        probes = list(_decided(untrained, depth))
        yield from probes
        if _most(probes) == "learned":
            passes = depth
            continue
        between = grid.floor(round(math.sqrt(passes * depth)))
        if _most(probes) == "failed" and passes and between not in (passes, depth):
            yield from _decided(untrained, between)
        return


def _decided(untrained: Untrained, depth: int) -> Iterator[Probe]:
    """Until two of at most three agree."""
    seen: set[str] = set()
    for seed in range(_NUM_PROBES):
        probe = untrained.probe(depth, seed)
        yield probe
        if probe.ended in seen:
            return
        seen.add(probe.ended)


def _most(probes: Sequence[Probe]) -> Ended:
    return Counter(probe.ended for probe in probes).most_common(1)[0][0]


def _rate_limit(probes: Sequence[Probe], first_step: float | None) -> float | None:
    """Between the shallowest depth where most probes fail and the next that learned."""
    by_depth: dict[int, list[Probe]] = {}
    for probe in probes:
        by_depth.setdefault(probe.depth, []).append(probe)
    failing = [k for k, some in by_depth.items() if _most(some) == "failed"]
    if not failing:
        return first_step
    passing = [k for k in by_depth if k < min(failing)]
    return math.sqrt(max(passing, default=min(failing)) * min(failing))


def _limited_by(
    k50: float | None, signal: float | None, measured: Sequence[AtDepth]
) -> LimitedBy:
    if k50 is None:
        return "none found"
    if k50 != signal:
        return "learning rate too large"
    vanishes = typical(measured[-1].nats) < 0
    return "signal vanishes" if vanishes else "signal explodes"


def _closed_form(
    item: Architecture, untrained: Untrained, measured: Sequence[AtDepth]
) -> Iterator[tuple[int, float]]:
    """D by theory at depths that were measured, for a stack."""
    stack = item.description
    if not isinstance(stack, Stack) or not has_theory(stack):
        return
    images = untrained.images[:_NUM_IMAGES_OF_THEORY].double().numpy()
    for each in measured:
        if each.depth <= _DEEPEST_THEORY:
            yield each.depth, stack_theory(stack, each.depth, images).nats
