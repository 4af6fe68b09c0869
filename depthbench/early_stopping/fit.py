"""Constants for stop rules, from full trainings, and a count of their errors."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from depthbench.early_stopping.fitted import Fit, FittedRule, Settings, Tally
from depthbench.record import TrialRecord
from depthbench.spec import Criterion
from depthbench.spec.protocol import changed_fields
from depthbench.stop_rules import Chance, Learned, StopRule
from depthbench.verdict import LEARNED_FRACTION_OF_CHANCE, error_of

# From careful to bold. What a rule is given is never the boldest that made no error:
# see `_best`.
STEPS = (705, 470, 400, 350, 300, 250, 200, 175, 150, 125, 100)
TOLERANCES = (0.01, 0.015, 0.02, 0.03, 0.05, 0.08)
GRADIENT_NORMS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)
LOSSES = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.13)
THRESHOLD = Criterion().threshold


def fit_rules(records: Iterable[TrialRecord]) -> Fit:
    """Fit a rule of each kind to the full trainings among `records`.

    Those of even seeds choose the constants, those of odd seeds measure the errors.

    Raises:
        ValueError: If there are none of one half, they differ in length, or one
            trained otherwise than by plain SGD on whole data.
    """
    even, odd = halves(records)
    if not even or not odd:
        raise ValueError(
            f"{len(even)} full trainings with a trace of even seeds and {len(odd)} of "
            "odd ones: some of both are needed"
        )
    rules = [_best(candidates, even) for candidates in (_chances(), _learneds())]
    return Fit(
        rules=tuple(
            FittedRule(
                name=rule.name,
                chosen_on=tally(rule, even),
                measured_on=tally(rule, odd),
            )
            for rule in rules
            if rule is not None
        ),
        settings=_settings(even + odd),
        trials_sha256=_digest(even + odd),
    )


def halves(
    records: Iterable[TrialRecord],
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """The full trainings of even seeds, and those of odd ones."""
    trainings = [record for record in records if is_full(record)]
    return (
        [record for record in trainings if record.spec.seed % 2 == 0],
        [record for record in trainings if record.spec.seed % 2 == 1],
    )


def is_full(record: TrialRecord) -> bool:
    """Whether it is a training in full, or up to its divergence, with a trace."""
    was_cut = record.was_stopped or record.ended_by is not None
    return record.outcome.is_evidence and not was_cut and bool(record.trace)


def stopped_at(rule: StopRule, record: TrialRecord) -> int | None:
    """Steps after which the rule would have ended a full training; None if never.

    As in the training loop, the last point of a training that ended is not asked.
    """
    ended = record.first_nonfinite_step is None
    for end in range(1, len(record.trace) + 1 - ended):
        if rule.fires(record.trace[:end], record.num_classes):
            return record.trace[end - 1].num_steps
    return None


def contradicts(rule: StopRule, record: TrialRecord) -> bool:
    """Whether a full training ended otherwise than the rule would conclude.

    Held against the strictest reading, so that the count stands for every criterion
    that the rule settles: `chance` is wrong when the lower of the last epoch's errors
    shows that something was learned, `learned` when the higher one is not below the
    threshold. A divergence is as little trained as chance is.
    """
    if record.first_nonfinite_step is not None:
        return isinstance(rule, Learned)
    last = record.epochs[-1]
    errors = [
        error_of(last, Criterion(source=source, heads=heads))
        for source in ("train", "test")
        for heads in ("last", "mean")
    ]
    if isinstance(rule, Learned):
        return max(errors) >= rule.threshold
    chance = 1 - 1 / record.num_classes
    return min(errors) < LEARNED_FRACTION_OF_CHANCE * chance


def tally(rule: StopRule, trainings: Sequence[TrialRecord]) -> Tally:
    """What the rule would have done to full trainings."""
    ends = [stopped_at(rule, record) for record in trainings]
    opposite = [contradicts(rule, record) for record in trainings]
    pairs = list(zip(trainings, ends, strict=True))
    return Tally(
        num_trials=len(trainings),
        num_stopped=sum(end is not None for end in ends),
        num_wrong=sum(
            end is not None and wrong for end, wrong in zip(ends, opposite, strict=True)
        ),
        num_opposite=sum(opposite),
        layer_steps=sum(r.spec.depth * r.num_steps for r in trainings),
        layer_steps_saved=sum(
            r.spec.depth * (r.num_steps - end) for r, end in pairs if end is not None
        ),
    )


def _best(
    candidates: Iterable[tuple[StopRule, StopRule]], trainings: Sequence[TrialRecord]
) -> StopRule | None:
    """The rule that saves most among those of which a bolder one makes no error, too.

    Args:
        candidates: Rules, each with the next bolder one, from careful to bold.
        trainings: To choose on.
    """
    best, most_saved = None, 0
    for rule, bolder in candidates:
        found = tally(rule, trainings)
        if found.layer_steps_saved <= most_saved or found.num_wrong:
            continue
        if tally(bolder, trainings).num_wrong == 0:
            best, most_saved = rule, found.layer_steps_saved
    return best


def _chances() -> Iterator[tuple[StopRule, StopRule]]:
    grids = (STEPS, TOLERANCES, GRADIENT_NORMS)
    for careful, bold in _neighbours(grids):
        yield tuple(  # type: ignore[misc]
            Chance(step=int(step), tolerance=tolerance, gradient_norm=norm)
            for step, tolerance, norm in (careful, bold)
        )


def _learneds() -> Iterator[tuple[StopRule, StopRule]]:
    for careful, bold in _neighbours((STEPS, LOSSES)):
        yield tuple(  # type: ignore[misc]
            Learned(step=int(step), loss=loss, threshold=THRESHOLD)
            for step, loss in (careful, bold)
        )


def _neighbours(
    grids: Sequence[Sequence[float]],
) -> Iterator[tuple[list[float], list[float]]]:
    """Every point of a grid but the boldest ones, and the next in every direction."""
    for places in product(*(range(len(grid) - 1) for grid in grids)):
        pairs = list(zip(grids, places, strict=True))
        yield [grid[at] for grid, at in pairs], [grid[at + 1] for grid, at in pairs]


def _settings(trainings: Sequence[TrialRecord]) -> Settings:
    specs = [record.spec for record in trainings]
    shapes = {(spec.epochs, spec.batch_size, spec.momentum) for spec in specs}
    if len(shapes) > 1:
        raise ValueError(
            "the trainings differ in epochs, batch size or momentum; give folders that "
            "agree in all three"
        )
    changed = sorted({name for spec in specs for name in changed_fields(spec)})
    if changed:
        raise ValueError(
            f"trainings with {', '.join(changed)}: rules are fitted to plain SGD on "
            "whole data; leave these folders out"
        )
    epochs, batch_size, momentum = shapes.pop()
    depths = [spec.depth for spec in specs]
    return Settings(
        data=tuple(sorted({spec.data for spec in specs})),
        architectures=tuple(sorted(Counter(s.architecture for s in specs).items())),
        depths=(min(depths), max(depths)),
        lrs=tuple(sorted({spec.lr for spec in specs})),
        train_modes=tuple(sorted({spec.train_mode for spec in specs})),
        epochs=epochs,
        batch_size=batch_size,
        momentum=momentum,
    )


def _digest(trainings: Sequence[TrialRecord]) -> str:
    ids = sorted(record.id for record in trainings)
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()
