"""What happened: frozen records, to and from one line of JSON. Imports no torch."""

from depthbench.record.chance import Chance
from depthbench.record.line import (
    SCHEMA_VERSION,
    NewerSchemaError,
    RecordError,
    from_line,
    to_line,
)
from depthbench.record.profile import Profile, nats_between
from depthbench.record.sound import sound
from depthbench.record.trial_record import (
    TRACE_STEPS,
    Environment,
    EpochRecord,
    EvaluationPoint,
    FirstFilters,
    Outcome,
    TracePoint,
    TrialRecord,
)

__all__ = [
    "SCHEMA_VERSION",
    "TRACE_STEPS",
    "Chance",
    "Environment",
    "EpochRecord",
    "EvaluationPoint",
    "FirstFilters",
    "NewerSchemaError",
    "Outcome",
    "Profile",
    "RecordError",
    "TracePoint",
    "TrialRecord",
    "from_line",
    "nats_between",
    "sound",
    "to_line",
]
