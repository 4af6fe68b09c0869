"""A bisection of one cell, and records of made-up outcomes."""

from builders import under

from depthbench.record import EpochRecord, Outcome, TrialRecord
from depthbench.spec import Cell, Criterion, StudySpec, TrialSpec

STUDY = StudySpec(arch=("elu",), cap=96)


CELL = under(
    STUDY,
    Cell(
        protocol="standard",
        template=TrialSpec(architecture="elu", depth=3, data="mnist", seed=0, lr=0.05),
        criterion=Criterion(),
    ),
)


def a_record(spec: TrialSpec, outcome: Outcome, *errors: float) -> TrialRecord:
    errors = errors or (0.05 if outcome is Outcome.TRAINED else 0.9,)
    epoch = EpochRecord(
        train_loss=(2.3,) * len(errors),
        train_error=errors,
        test_loss=(2.3,) * len(errors),
        test_error=errors,
        seconds=1.0,
    )
    epochs = (epoch,) if outcome.is_evidence else ()
    return TrialRecord(spec=spec, outcome=outcome, epochs=epochs, num_classes=10)
