"""What a reader must know beside the numbers: how they were measured, what lacks."""

from collections import Counter
from dataclasses import asdict
from typing import Any, NamedTuple

from depthbench.report.fit import SUSPICIOUS_P_VALUE
from depthbench.report.rates import rates_text
from depthbench.report.results import Status, StudyResult
from depthbench.report.words import (
    K50_SENTENCE,
    OUTCOME_MEANINGS,
    criterion_sentence,
    outcome_word,
    protocol_meanings,
)
from depthbench.search import strategy_of
from depthbench.spec import StudySpec
from depthbench.text import count, duration


class Fact(NamedTuple):
    """A term and the sentences that explain it."""

    term: str
    sentences: tuple[str, ...]


def measured_facts(result: StudyResult) -> list[Fact]:
    """What was asked, how it was decided, with what, and at what cost."""
    search = result.study.search_spec
    facts = [
        Fact("A trial", (criterion_sentence(result.study),)),
        Fact("A depth", strategy_of(search).explanation(search)),
        Fact("k50", (K50_SENTENCE,)),
        Fact("Protocol", _protocols(result)),
        Fact("Training", (_training(result),)),
        Fact("Data", _data(result)),
        Fact("Machine", _machines(result)),
        Fact("Cost", (_cost(result),)),
    ]
    return [fact for fact in facts if fact.sentences]


def missing_notes(result: StudyResult) -> list[str]:
    """What keeps this report from being complete; empty when nothing does."""
    by_status = Counter(cell.status for cell in result.cells)
    num_broken = sum(not record.outcome.is_evidence for record in result.records)
    num_stopped = sum(record.was_stopped for record in result.records)
    notes = (
        (
            by_status[Status.UNFINISHED],
            "cell",
            f"of {len(result.cells)} not finished; running the study again continues "
            "where it stopped.",
        ),
        (
            by_status[Status.STOPPED],
            "cell",
            "without an answer, because a training could not be measured.",
        ),
        (
            sum(cell.limited_by is not None for cell in result.cells),
            "cell",
            "whose search ended at its limit on trials or training, with an interval "
            "wider than asked for.",
        ),
        (
            sum(
                cell.fit is not None and cell.fit.is_suspicious for cell in result.cells
            ),
            "cell",
            "where trials contradict a success that only falls with depth (p below "
            f"{SUSPICIOUS_P_VALUE}); a single k50 does not describe it well.",
        ),
        (
            num_broken,
            "trial",
            "not measured (out of memory, time limit or crash): shown, but counted "
            "neither as trained nor as failed.",
        ),
        (
            num_stopped,
            "trial",
            "stopped early by a rule of an earlier version: shown, but counted neither "
            "as trained nor as failed; running the study again trains in full what its "
            "search still needs.",
        ),
        (
            result.num_foreign,
            "trial",
            "in the results folder outside the cells of this study, not shown.",
        ),
        (
            result.num_damaged,
            "damaged line",
            "in the results folder, not read; running the study again redoes these "
            "trials.",
        ),
    )
    said = [f"{count(number, noun)} {rest}" for number, noun, rest in notes if number]
    return [*shared_seeds_notes(result), *said]


def shared_seeds_notes(result: StudyResult) -> list[str]:
    """That intervals are too narrow, if trials at different depths are not independent.

    Else empty.
    """
    number = sum(cell.shares_seeds for cell in result.cells)
    if not number:
        return []
    which = "" if number == len(result.cells) else f" of {count(number, 'cell')}"
    return [
        f"The intervals{which} are too narrow: trials with one seed at different "
        "depths shared their randomness, as an earlier version had it, and are counted "
        "as independent."
    ]


def outcome_glossary(result: StudyResult) -> list[tuple[str, str, int]]:
    """Every outcome in words, its meaning, and its number over all cells."""
    seen = Counter(trial.outcome for cell in result.cells for trial in cell.trials)
    return [
        (outcome_word(outcome), meaning, seen[outcome])
        for outcome, meaning in OUTCOME_MEANINGS.items()
    ]


def environments(result: StudyResult) -> list[tuple[dict[str, Any], int]]:
    """Each environment that trials ran in, with their number, most used first."""
    seen = Counter(
        record.environment
        for record in result.records
        if record.environment is not None
    )
    return [(asdict(environment), number) for environment, number in seen.most_common()]


def _protocols(result: StudyResult) -> tuple[str, ...]:
    meanings = protocol_meanings(result)
    return tuple(f"{protocol}: {meaning}." for protocol, meaning in meanings.items())


def _training(result: StudyResult) -> str:
    study = result.study
    parts = [
        count(study.epochs, "epoch"),
        f"batches of {study.batch}",
        _optimizer(study),
        f"learning rate {_learning_rates(result)}{_schedule(study)}",
    ]
    if study.weight_decay:
        parts.append(f"weight decay {study.weight_decay:g}")
    if study.l2:
        parts.append(
            f"a penalty of {study.l2:g} times the sum of the squared weights of "
            "convolutions and linear layers, which no loss here contains"
        )
    if study.init is not None:
        parts.append(f"initialiser {study.init}")
    parts += _images(study)
    if study.max_train_seconds is not None:
        parts.append(
            f"at most {study.max_train_seconds:g} s of training per trial, evaluations "
            "not counted"
        )
    return f"{', '.join(parts)}."


def _images(study: StudySpec) -> list[str]:
    """Which images are trained on, and how they are scaled, if not all and as usual."""
    parts = []
    if study.train_limit is not None:
        parts.append(f"the first {count(study.train_limit, 'training image')} only")
    if study.num_validation:
        held_out = count(study.num_validation, "training image")
        parts.append(f"the last {held_out} held out for validation")
    if study.normalization == "half":
        parts.append("pixels scaled to between -1 and 1")
    return parts


def _optimizer(study: StudySpec) -> str:
    if study.optimizer == "adam":
        return "Adam"
    kind = "Nesterov momentum" if study.nesterov else "momentum"
    return f"SGD with {kind} {study.momentum:g}"


def _schedule(study: StudySpec) -> str:
    if not study.lr_milestones:
        return ""
    numbers = " and ".join(str(milestone) for milestone in study.lr_milestones)
    noun = "epoch" if len(study.lr_milestones) == 1 else "epochs"
    return f" (times {study.lr_gamma:g} after {noun} {numbers})"


def _learning_rates(result: StudyResult) -> str:
    rates = sorted({cell.cell.template.lr for cell in result.cells})
    text = " or ".join(f"{rate:g}" for rate in rates)
    if any(cell.cell.rate.name for cell in result.cells):
        return rates_text(result.study)
    return text if len(rates) < 2 else f"{text}, by architecture"


def _data(result: StudyResult) -> tuple[str, ...]:
    hashes = {
        (record.spec.data, record.data_sha256)
        for record in result.records
        if record.data_sha256
    }
    if not hashes:
        return (", ".join(dict.fromkeys(cell.cell.data for cell in result.cells)),)
    return tuple(f"{name}, SHA-256 {sha256}" for name, sha256 in sorted(hashes))


def _machines(result: StudyResult) -> tuple[str, ...]:
    """Environments that read alike are one: the commit is not shown here."""
    seen: Counter[str] = Counter()
    for found, number in environments(result):
        seen[
            f"{found['device_name']}, {found['platform']}; torch {found['torch']}, "
            f"depthbench {found['depthbench']}{_kernels(found)}"
        ] += number
    return tuple(
        f"{text}; {count(number, 'trial')}." for text, number in seen.most_common()
    )


def _kernels(environment: dict[str, Any]) -> str:
    instructions = environment["instruction_set"]
    return f", its own kernels ({instructions})" if instructions else ""


def _cost(result: StudyResult) -> str:
    seconds = sum(record.seconds for record in result.records)
    return f"{count(len(result.records), 'trial')}, {duration(seconds)} of training."
