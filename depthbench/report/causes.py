"""Why trainings failed, from what they kept, in words a person can act on.

A symptom is read off the network as it began, so a training that succeeds may have it,
too. Each sentence says how many did: the rate of false alarms among these trainings.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from depthbench.record import EpochRecord, Outcome, Profile, TrialRecord
from depthbench.report.judged import JudgedTrial
from depthbench.report.results import CellResult, StudyResult
from depthbench.text import count
from depthbench.verdict import error_of

# In nats of squared norms: a ratio of norms of 1000.
FAINT = 2 * math.log(1000)


def cause_sentences(result: StudyResult) -> tuple[str, ...]:
    """One for each cause that is seen in a cell, each of its deepest failure."""
    found = (text for cell in result.cells for text in _of_cell(cell))
    return tuple(dict.fromkeys(found))


def _of_cell(cell: CellResult) -> Iterator[str]:
    failed = [t for t in cell.evidence if t.outcome is not Outcome.TRAINED]
    for sign, word in ((-1, "vanishes"), (1, "explodes")):
        yield from _at_start(cell, failed, sign, word)
    diverged = [t.record for t in failed if t.outcome is Outcome.DIVERGED]
    texts = [text for record in diverged if (text := _overflow(record))]
    if texts:
        yield (
            f"{_name(cell, diverged[-1])}: {texts[-1]}; the learning rate is too large "
            f"for this depth, see --tune-lr ({count(len(diverged), 'training')} of "
            f"{len(failed)} that failed)."
        )
    by_mode = [t.record for t in failed if _fails_by_statistics(cell, t)]
    if by_mode:
        yield (
            f"{_name(cell, by_mode[-1])}: trains with batch statistics and fails with "
            f"running ones ({count(len(by_mode), 'training')} of {len(failed)} that "
            "failed)."
        )


def _at_start(
    cell: CellResult, failed: Sequence[JudgedTrial], sign: int, word: str
) -> Iterator[str]:
    """Whether the gradient of networks as they began was of one size at all layers."""

    def shown(trials: Iterable[JudgedTrial]) -> tuple[list[TrialRecord], int]:
        records = [trial.record for trial in trials]
        known = [(r, r.profile_start.nats) for r in records if r.profile_start]
        return [record for record, nats in known if sign * nats > FAINT], len(known)

    bad, num_bad = shown(failed)
    good, num_good = shown(t for t in cell.evidence if t.outcome is Outcome.TRAINED)
    if bad and (profile := bad[-1].profile_start):
        yield (
            f"{_name(cell, bad[-1])}: {_ratio(profile)} before the first step: it "
            f"{word} ({len(bad)} of {num_bad} trainings that failed began so, and "
            f"{len(good)} of {num_good} that succeeded)."
        )


def _name(cell: CellResult, record: TrialRecord) -> str:
    return f"{cell.cell.architecture}, k={record.spec.depth}"


def _ratio(profile: Profile) -> str:
    first, last = profile.gradient[0], profile.gradient[-1]
    share = f"{first / last:.1g}" if last else "infinitely many"
    return (
        f"the gradient at layer {profile.num_layers[0]} is {share} times that at layer "
        f"{profile.num_layers[-1]}"
    )


def _overflow(record: TrialRecord) -> str:
    """How the loss left the range of numbers, after it had been finite for a while."""
    if record.first_nonfinite_step is None or not record.trace:
        return ""
    point = record.trace[-1]
    return (
        f"the loss was {point.loss:.3g} up to step {point.num_steps} and overflowed at "
        f"step {record.first_nonfinite_step}"
    )


def _fails_by_statistics(cell: CellResult, trial: JudgedTrial) -> bool:
    if not trial.has_final_error:
        return False
    last: EpochRecord = trial.record.epochs[-1]
    if last.test_error_batch_stats is None:
        return False
    criterion = cell.cell.criterion
    own = error_of(last, replace(criterion, source="test_batch_stats"))
    return own < criterion.threshold
