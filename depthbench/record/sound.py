"""Records whose numbers do not fit together say nothing of a training."""

from dataclasses import fields, replace

from depthbench.record.trial_record import EpochRecord, Outcome, TrialRecord

_PER_HEAD = tuple(
    field.name for field in fields(EpochRecord) if field.name != "seconds"
)


def sound(record: TrialRecord) -> TrialRecord:
    """The record; a crash in place of evidence that cannot be judged.

    Such as what an earlier version stored of networks with other heads in training than
    in testing. One of them must not keep a report from all others; as a crash, its
    trial is tried again.
    """
    reason = _misfit(record) if record.outcome.is_evidence else None
    if reason is None:
        return record
    return replace(
        record,
        outcome=Outcome.CRASHED,
        message=f"the stored numbers do not fit together: {reason}",
        epochs=(),
        first_nonfinite_step=None,
        at_stop=None,
        tests=(),
    )


def _misfit(record: TrialRecord) -> str | None:
    if record.num_classes < 2:
        return f"num_classes = {record.num_classes}"
    if len(record.epochs) > record.spec.epochs:
        return f"{len(record.epochs)} epochs of {record.spec.epochs}"
    has_end = record.first_nonfinite_step is not None or record.was_stopped
    if not record.epochs and not has_end:
        return "no epoch"
    if record.epochs and not record.epochs[-1].is_tested:
        return "no test after the last epoch"
    epochs = (*record.epochs, *([record.at_stop] if record.at_stop else []))
    values = [getattr(epoch, name) for epoch in epochs for name in _PER_HEAD]
    values += [each for test in record.tests for each in (test.loss, test.error)]
    heads = {len(each) for each in values if each is not None}
    if heads and (len(heads) > 1 or 0 in heads):
        return f"{' and '.join(map(str, sorted(heads)))} heads"
    return None
