"""Outcomes and answers in the words that readers see."""

from depthbench.curves.words import depth_texts
from depthbench.record import Outcome
from depthbench.report.fit import CurveFit
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.spec import StudySpec
from depthbench.text import count, short_percent

OUTCOME_MEANINGS = {
    Outcome.TRAINED: "the error of the last epoch is below the threshold",
    Outcome.STUCK: "above the threshold and no longer improving; often still at chance",
    Outcome.DIVERGED: "a loss or a weight became NaN or infinite",
    Outcome.COLLAPSED: "it had learned something in an earlier epoch and lost it again",
    Outcome.SLOW: "above the threshold, but the training loss was still falling; more "
    "epochs might train it",
    Outcome.OUT_OF_MEMORY: "the machine ran out of memory; says nothing about the "
    "architecture",
    Outcome.TIMED_OUT: "stopped by a time limit; says nothing about the architecture",
    Outcome.CRASHED: "the program failed; says nothing about the architecture",
    Outcome.UNSETTLED: "stopped early by a rule of an earlier version; says nothing "
    "about the architecture",
}

K50_SENTENCE = (
    "The depth where half of all trainings succeed, and k90, where nine in ten do, are "
    "the medians of a Bayesian posterior, computed from all trials shown here, however "
    "they were chosen. Success is taken to fall with depth along a logistic curve of "
    "unknown place and width, from a share below one if some trainings fail at any "
    "depth; the priors are wide. The interval holds 90 % of the posterior. Where no "
    "trials bound it on one side, a bound stands in its place."
)

_PROTOCOL_MEANINGS = {
    "standard": "the network is in training mode in every training epoch",
    "notebook": "repeats the reference notebook: training mode in the first epoch "
    "only, so that from the second epoch on BatchNorm normalises with its running "
    "statistics while training; with several heads, the error is their mean",
}


def protocol_meanings(result: StudyResult) -> dict[str, str]:
    """What each protocol of the study does, in the study's order."""
    names = dict.fromkeys(cell.cell.protocol for cell in result.cells)
    return {name: _PROTOCOL_MEANINGS.get(name, "") for name in names}


def outcome_word(outcome: Outcome) -> str:
    """`out_of_memory` as "out of memory"."""
    return outcome.value.replace("_", " ")


def deepest_text(result: CellResult) -> str:
    """The answer in a few characters, never more certain than the evidence.

    "63"; "45 to 54" when the depths between were not tried; "≥ 768" when even the cap
    trained; "< 3" when the bottom failed; "? (out of memory at 192)"; "48 to 96,
    unfinished".
    """
    match result.status:
        case Status.DONE if result.is_bracketed:
            return f"{result.trains}"
        case Status.DONE | Status.CENSORED:
            return _known_text(result)
        case Status.STOPPED:
            return f"? ({stop_reason(result)})"
        case Status.UNFINISHED:
            known = _known_text(result)
            return f"{known}, unfinished" if known else "unfinished"


def _known_text(result: CellResult) -> str:
    if result.trains is not None and result.fails is not None:
        return f"{result.trains} to {result.fails}"
    if result.trains is not None:
        return f"≥ {result.trains}"
    return f"< {result.fails}" if result.fails is not None else ""


def stop_reason(result: CellResult) -> str:
    """Why there is no verdict at a depth: "out of memory at 192"."""
    depth = result.plan.unknown
    kinds = {
        outcome_word(trial.outcome)
        for trial in result.at_depth(depth)
        if not trial.outcome.is_evidence
    }
    return f"{' and '.join(sorted(kinds))} at {depth}"


def answer_sentence(result: CellResult) -> str:
    """What follows the name: "trains at depth 63 and fails at 66. Half of ..."."""
    k50 = k50_sentence(result.fit) if result.fit else ""
    return f"{_bracket_sentence(result)} {k50}".strip()


def _bracket_sentence(result: CellResult) -> str:
    trains, fails = result.trains, result.fails
    parts = []
    if trains is not None:
        layers = count(result.weight_layers or 0, "weight layer")
        parts.append(f"trains at depth {trains} ({layers})")
    if fails is not None:
        parts.append(f"fails at {fails}")
    seen = " and ".join(parts) if parts else "has no decided depth yet"
    match result.status:
        case Status.DONE:
            return f"{seen}."
        case Status.CENSORED if fails is None:
            cap = ", the cap" if trains == result.plan.deepest else ""
            return f"{seen}{cap}: no depth was seen to fail."
        case Status.CENSORED:
            bottom = ", its shallowest depth" if fails == result.cell.grid.start else ""
            return f"{seen}{bottom}: {_num_trained(result)}."
        case Status.STOPPED:
            return f"{seen}; no answer, because of {stop_reason(result)}."
        case Status.UNFINISHED:
            return f"{seen}; the search is unfinished."


def _num_trained(result: CellResult) -> str:
    num_trained = sum(trial.outcome is Outcome.TRAINED for trial in result.evidence)
    if not num_trained:
        return "none was seen to train"
    return f"{num_trained} of {count(len(result.evidence), 'training')} succeeded"


def k50_sentence(fit: CurveFit) -> str:
    """As in: Half of its trainings succeed at depth 47 (90 % interval 41 to 53).

    With one bound alone, "at depth 88 or deeper (95 % sure)"; nothing without any.
    """
    low, median, high = depth_texts(fit.k50)
    if low and high and median:
        where = f"{median} (90 % interval {low} to {high})"
    elif low:
        where = f"{low} or deeper (95 % sure)"
    elif high:
        where = f"{high} or shallower (95 % sure)"
    else:
        return ""
    return f"Half of its trainings succeed at depth {where}."


def causes_text(result: CellResult) -> str:
    """What went wrong at the failing depth: "diverged 2, stuck 1"."""
    return ", ".join(f"{outcome_word(o)} {n}" for o, n in result.failure_causes)


def note_text(result: CellResult) -> str:
    """What is missing and why: the trials still wanted, or the failed measurements."""
    if not result.is_complete:
        depth = result.plan.wanted[0].depth
        seeds = [spec.seed for spec in result.plan.wanted if spec.depth == depth]
        return f"next: depth {depth}, seed {', '.join(map(str, seeds))}"
    not_measured = [
        f"depth {trial.depth}, seed {trial.seed}: {outcome_word(trial.outcome)}"
        for trial in result.trials
        if not trial.outcome.is_evidence
    ]
    return "; ".join([*filter(None, [result.limited_by]), *not_measured])


def criterion_sentence(study: StudySpec) -> str:
    """When a trial counts as trained, for a reader who knows nothing of this tool."""
    which = {
        "either": "train or test error, whichever is lower,",
        "train": "train error",
        "test": "test error",
        "validation": "error on the training images held out",
        "train_after": "error on the training images after the epoch",
        "test_batch_stats": "test error, normalised by the statistics of each batch,",
    }[study.criterion]
    after = (
        "the only epoch" if study.epochs == 1 else f"the last of {study.epochs} epochs"
    )
    if study.max_train_seconds is not None:
        limit = f"{study.max_train_seconds:g} s of training"
        after = f"{after}, or of those that {limit} have room for,"
    return (
        f"A trial, one training of one network, counts as trained when its {which} "
        f"after {after} is below {short_percent(study.threshold)}."
    )
