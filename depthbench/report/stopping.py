"""What a reader must know of trials that were stopped early."""

from depthbench.early_stopping import packaged_fit
from depthbench.early_stopping.words import (
    differences,
    measured_words,
    settings_words,
)
from depthbench.record import Outcome, TrialRecord
from depthbench.report.results import CellResult, StudyResult
from depthbench.report.words import count, percent
from depthbench.verdict import outcome_under


def stopping_sentences(result: StudyResult) -> tuple[str, ...]:
    """The rules, their measured errors, and what they did; empty if none were on."""
    cells = [cell for cell in result.cells if cell.cell.template.stop_rules]
    if not cells:
        return ()
    names = dict.fromkeys(n for cell in cells for n in cell.cell.template.stop_rules)
    return (
        _where(result, cells),
        *(_rule_sentence(name) for name in names),
        *_other_settings(cells),
        _stopped_sentence(cells, result.records),
    )


def _where(result: StudyResult, cells: list[CellResult]) -> str:
    of = "" if len(cells) == len(result.cells) else f"{len(cells)} cells: "
    if result.study.early_stop_at == "everywhere":
        return f"{of}any trial could be ended by a rule when its outcome was settled."
    return (
        f"{of}trials far from the decision could be ended by a rule when their outcome "
        "was settled; those that the answer rests on were trained in full."
    )


def _rule_sentence(name: str) -> str:
    fit = packaged_fit()
    known = next((one for one in fit.rules if one.name == name), None)
    if known is None:
        return f"{name}: a rule of another version, of an error unknown to this one."
    return f"{name}: {measured_words(known)}. Measured on {settings_words(fit)}."


def _other_settings(cells: list[CellResult]) -> list[str]:
    fit, templates = packaged_fit(), [cell.cell.template for cell in cells]
    found = dict.fromkeys(what for spec in templates for what in differences(fit, spec))
    if not found:
        return []
    return [f"Not measured for what differs here: {', '.join(found)}."]


def _stopped_sentence(cells: list[CellResult], records: tuple[TrialRecord, ...]) -> str:
    own = [
        record
        for record in records
        if any(cell.cell.owns(record.spec) for cell in cells)
    ]
    stopped = [record for record in own if record.was_stopped]
    parts = [f"The rules ended {len(stopped)} of {count(len(own), 'trial')}"]
    share = _share_saved(own)
    if stopped and share is not None:
        parts.append(f", which saved {percent(share, 1)} of the work")
    again, contradicted = _trained_again(cells, own)
    if again:
        parts.append(
            f"; {again} of them were trained again in full, of which {contradicted} "
            "contradicted their rule"
        )
    return f"{''.join(parts)}."


def _share_saved(records: list[TrialRecord]) -> float | None:
    """Of the layer-steps that these trials would have taken in full.

    None without a trial in full, which says how many steps an epoch has.
    """
    lengths = [
        record.num_steps / record.spec.epochs
        for record in records
        if not (record.stopped_early or record.ended_by) and record.outcome.is_evidence
    ]
    if not lengths:
        return None
    done = saved = 0.0
    for record in records:
        done += record.spec.depth * record.num_steps
        if record.was_stopped:
            left = lengths[0] * record.spec.epochs - record.num_steps
            saved += record.spec.depth * left
    return saved / (done + saved)


def _trained_again(
    cells: list[CellResult], records: list[TrialRecord]
) -> tuple[int, int]:
    """Stopped trials that were also trained in full, and how many of these differed."""
    again = contradicted = 0
    for cell in (cell.cell for cell in cells):
        own = [record for record in records if cell.owns(record.spec)]
        full = {
            (record.spec.depth, record.spec.seed): record
            for record in own
            if not record.was_stopped and record.outcome.is_evidence
        }
        for record in own:
            other = full.get((record.spec.depth, record.spec.seed))
            if record.was_stopped and other is not None:
                again += 1
                trained = [
                    outcome_under(each, cell.criterion) is Outcome.TRAINED
                    for each in (record, other)
                ]
                contradicted += trained[0] != trained[1]
    return again, contradicted
