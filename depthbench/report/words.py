"""Numbers and outcomes in the words that readers see; percent exists only here on."""

from depthbench.record import Outcome
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.search import Estimate
from depthbench.spec import StudySpec

OUTCOME_MEANINGS = {
    Outcome.TRAINED: "the error of the last epoch is below the threshold",
    Outcome.STUCK: "it learned little or nothing; most often still guessing at chance",
    Outcome.DIVERGED: "a loss or a weight became NaN or infinite",
    Outcome.COLLAPSED: "it had learned something in an earlier epoch and lost it again",
    Outcome.SLOW: "above the threshold, but the training loss was still falling; more "
    "epochs might train it",
    Outcome.OUT_OF_MEMORY: "the machine ran out of memory; says nothing about the "
    "architecture",
    Outcome.TIMED_OUT: "stopped by a time limit; says nothing about the architecture",
    Outcome.CRASHED: "the program failed; says nothing about the architecture",
}

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


def percent(fraction: float | None, digits: int = 2) -> str:
    """A fraction as "1.95 %"; nothing for None."""
    return "" if fraction is None else f"{100 * fraction:.{digits}f} %"


def short_percent(fraction: float) -> str:
    """A fraction without trailing zeros: "20 %", "12.5 %"."""
    return f"{100 * fraction:.6g} %"


def duration(seconds: float) -> str:
    """Wall time to two units at most: "48 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 9.5 or seconds == 0 else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s".removesuffix(" 0 s")
    return f"{whole // 3600} h {whole % 3600 // 60} min".removesuffix(" 0 min")


def estimate_text(estimate: Estimate) -> str:
    """A depth with its 90 % interval: "47 (41 to 53)"; or a bound: "≥ 88".

    A bound stands where the depth itself is beyond all evidence.
    """
    low, median, high = (
        None if depth is None else _depth_text(depth)
        for depth in (estimate.low, estimate.median, estimate.high)
    )
    within = " to ".join(filter(None, (low, high)))
    if low is None or high is None:
        within = f"≥ {low}" if low else f"≤ {high}" if high else ""
    if median is None:
        return within
    return f"{median} ({within})" if within else median


def _depth_text(depth: float) -> str:
    return f"{depth:.0f}" if depth >= 20 else f"{depth:.1f}"


def outcome_word(outcome: Outcome) -> str:
    """`out_of_memory` as "out of memory"."""
    return outcome.value.replace("_", " ")


def count(number: int, noun: str) -> str:
    """The number and its noun: "1 trial", "2 trials"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def deepest_text(result: CellResult) -> str:
    """The answer in a few characters, never more certain than the evidence.

    "63"; "≥ 768" when even the cap trained; "< 3" when the bottom failed;
    "? (out of memory at 192)"; "48 to 96, unfinished".
    """
    match result.status:
        case Status.DONE:
            return f"{result.trains}"
        case Status.CENSORED:
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
    """What follows the name in a sentence: "trains at depth 63 and fails at 66."."""
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
        case Status.CENSORED if trains is not None:
            return f"{seen}, the cap: no depth was seen to fail."
        case Status.CENSORED:
            return f"{seen}, its shallowest depth."
        case Status.STOPPED:
            return f"{seen}; no answer, because of {stop_reason(result)}."
        case Status.UNFINISHED:
            return f"{seen}; the search is unfinished."


def causes_text(result: CellResult) -> str:
    """What went wrong at the failing depth: "diverged 2, stuck 1"."""
    return ", ".join(f"{outcome_word(o)} {n}" for o, n in result.failure_causes)


def note_text(result: CellResult) -> str:
    """What is missing and why: the trials still wanted, or the failed measurements."""
    if result.plan.wanted:
        depth = result.plan.wanted[0].depth
        seeds = ", ".join(str(spec.seed) for spec in result.plan.wanted)
        return f"next: depth {depth}, seed {seeds}"
    return "; ".join(
        f"depth {trial.depth}, seed {trial.seed}: {outcome_word(trial.outcome)}"
        for trial in result.trials
        if not trial.outcome.is_evidence
    )


def criterion_sentence(study: StudySpec) -> str:
    """When a trial counts as trained, for a reader who knows nothing of this tool."""
    which = {
        "either": "train or test error, whichever is lower,",
        "train": "train error",
        "test": "test error",
    }[study.criterion]
    after = (
        "the only epoch" if study.epochs == 1 else f"the last of {study.epochs} epochs"
    )
    return (
        f"A trial, one training of one network, counts as trained when its {which} "
        f"after {after} is below {short_percent(study.threshold)}."
    )
