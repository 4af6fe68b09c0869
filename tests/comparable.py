"""Records without what two equal runs differ in."""

from dataclasses import replace

from depthbench.record import TrialRecord


def without_times(record):
    """A record as a text, in which NaN equals NaN, without what two runs differ in."""
    epochs = tuple(replace(epoch, seconds=0.0) for epoch in record.epochs)
    return repr(
        replace(record, epochs=epochs, seconds=0.0, peak_memory_bytes=0, finished_at="")
    )


def record_numbers(record: TrialRecord) -> str:
    """What a record measured, as a text in which NaN equals NaN, without seconds."""
    epochs = [replace(epoch, seconds=0.0) for epoch in record.epochs]
    return repr((record.id, record.first_nonfinite_step, record.stopped_early, epochs))
