"""What "trains" means: from the records at one depth to a verdict.

This file is the scientific definition; everything else carries it out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from depthbench.record import Chance, EpochRecord, Outcome, TrialRecord
from depthbench.spec import Criterion

REFERENCE_CRITERION = Criterion()

# An error this fraction of chance or lower shows that something was learned. The
# notebook's stuck networks end at 0.985 to 1.002 of 0.9, chance for equal classes.
LEARNED_FRACTION_OF_CHANCE = 0.9

# A rise of the error, as a fraction, above the best earlier epoch that counts as
# having lost what was learned.
COLLAPSE_RISE = 0.10

# A fall of the training loss from one epoch to the next, in nats, that counts as
# still improving. ln 10 = 2.3026 is chance for ten equal classes.
IMPROVEMENT_NATS = 0.02


class Verdict(StrEnum):
    """What the trainings at one depth say."""

    TRAINS = "trains"
    FAILS = "fails"
    UNKNOWN = "unknown"


def error_of(epoch: EpochRecord, criterion: Criterion) -> float:
    """The error, a fraction, that `criterion` reads off an epoch.

    Raises:
        ValueError: If it reads one that the trial did not measure.
    """
    if criterion.source == "either":
        each = (replace(criterion, source=source) for source in ("train", "test"))
        return min(error_of(epoch, one) for one in each)
    heads, why_not = {
        "train": (epoch.train_error, ""),
        "test": (epoch.test_error, "the trial was not tested after this epoch"),
        # Without BatchNorm the two are the same.
        "test_batch_stats": (
            epoch.test_error_batch_stats or epoch.test_error,
            "the trial was not tested after this epoch",
        ),
        "validation": (epoch.validation_error, "the trial held out no images"),
        "train_after": (
            epoch.train_error_after,
            "the trial did not test on training images",
        ),
    }[criterion.source]
    if heads is None:
        raise ValueError(f"criterion = {criterion.source}: {why_not}")
    return _over_heads(heads, criterion)


def chance_of(chance: Chance, criterion: Criterion) -> float:
    """The error, a fraction, that always answering alike would have at best."""
    source = criterion.source
    if source == "validation" and chance.validation_error is not None:
        return chance.validation_error
    if source == "either":
        return min(chance.train_error, chance.test_error)
    return chance.train_error if source.startswith("train") else chance.test_error


def outcome_of(
    epochs: Sequence[EpochRecord],
    *,
    first_nonfinite_step: int | None,
    chance: Chance,
    criterion: Criterion,
) -> Outcome:
    """How a measured training ended, in this order of precedence.

    - `diverged`: a loss, with the penalty that is minimised with it, or a weight
      became NaN or infinite.
    - `trained`: the last epoch's error is below the threshold, and below that of the
      best constant answer.
    - `collapsed`: an earlier epoch had learned, and the error rose again to chance
      or by more than `COLLAPSE_RISE`.
    - `slow`: the last epoch still lowered the training loss, below chance, by more
      than `IMPROVEMENT_NATS`; more epochs might train it.
    - `stuck`: none of these; most often still at chance.

    A test loss that alone is not finite, as when BatchNorm's running statistics
    overflow, is no divergence of the training; the errors decide, and the record shows
    the loss. The training losses are cross entropies, so that chance does not depend
    on the penalty. One that a limit on its time ended is judged by the epoch in
    which it ended, as far as that went. Epochs without a test have no error.
    """
    if first_nonfinite_step is not None:
        return Outcome.DIVERGED
    errors = [error_of(each, criterion) for each in epochs if each.is_tested]
    chance_error = chance_of(chance, criterion)
    learned = LEARNED_FRACTION_OF_CHANCE * chance_error
    best_before = min(errors[:-1], default=math.inf)
    if errors[-1] < min(criterion.threshold, chance_error):
        return Outcome.TRAINED
    if best_before < learned and (
        errors[-1] >= learned or errors[-1] > best_before + COLLAPSE_RISE
    ):
        return Outcome.COLLAPSED
    losses = [_over_heads(epoch.train_loss, criterion) for epoch in epochs]
    # A loss that falls from above, after a blow-up, only returns to chance.
    before = min([chance.train_loss, *losses[-2:-1]])
    return Outcome.SLOW if before - losses[-1] > IMPROVEMENT_NATS else Outcome.STUCK


def outcome_under(record: TrialRecord, criterion: Criterion) -> Outcome:
    """The outcome of a stored trial, judged anew; failed measurements stay so.

    One that a rule of an earlier version stopped is no evidence: nobody knows how it
    would have ended.
    """
    if record.was_stopped:
        return Outcome.UNSETTLED
    if not record.outcome.is_evidence:
        return record.outcome
    return outcome_of(
        record.epochs,
        first_nonfinite_step=record.first_nonfinite_step,
        chance=record.known_chance,
        criterion=criterion,
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, or the seeds to train before there can be one.

    Attributes:
        verdict: None while more trainings are needed.
        asked: Seeds the decision rests on, in the order they were asked for.
        wanted: Seeds still to be trained; all of them will be needed.
    """

    verdict: Verdict | None
    asked: tuple[int, ...]
    wanted: tuple[int, ...] = ()


def judge(
    outcomes: Mapping[int, Outcome], *, first_seed: int, num_seeds: int, confirm: bool
) -> Judgement:
    """The majority of `num_seeds` trainings at one depth; no more than it needs.

    Seeds are asked for in order, always as many at once as any verdict still needs,
    so the last one is skipped when the others agree. With `confirm`, "fails" needs
    one failure more than a majority, and up to two further seeds are asked for to
    settle it; "trains" always needs more successes than failures.

    A failed measurement among the asked seeds makes the verdict UNKNOWN: it is no
    evidence, and another seed in its place would hide it.
    """
    majority = num_seeds // 2 + 1
    fails_needed = majority + confirm
    asked: list[int] = []
    trained = failed = 0
    while True:
        if trained >= majority and trained > failed:
            return Judgement(Verdict.TRAINS, tuple(asked))
        if failed >= fails_needed and failed > trained:
            return Judgement(Verdict.FAILS, tuple(asked))
        missing = min(
            max(majority, failed + 1) - trained, max(fails_needed, trained + 1) - failed
        )
        start = first_seed + len(asked)
        batch = range(start, start + missing)
        asked.extend(batch)
        wanted = tuple(seed for seed in batch if seed not in outcomes)
        if wanted:
            return Judgement(None, tuple(asked), wanted)
        if not all(outcomes[seed].is_evidence for seed in batch):
            return Judgement(Verdict.UNKNOWN, tuple(asked))
        trained += sum(outcomes[seed] is Outcome.TRAINED for seed in batch)
        failed += sum(outcomes[seed] is not Outcome.TRAINED for seed in batch)


def _over_heads(values: Sequence[float], criterion: Criterion) -> float:
    return values[-1] if criterion.heads == "last" else sum(values) / len(values)
