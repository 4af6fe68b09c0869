"""A study of two architectures, and records as an oracle would give them."""

from depthbench.record import EpochRecord, Outcome, TrialRecord
from depthbench.spec import Cell, StudySpec, TrialSpec

STUDY = StudySpec(name="test", arch=("a", "b"), cap=192)


def cell(architecture, protocol="standard", train_mode="every_epoch"):
    return Cell(
        protocol=protocol,
        template=TrialSpec(
            architecture=architecture,
            depth=3,
            data="toy",
            seed=0,
            lr=0.05,
            train_mode=train_mode,
        ),
        criterion=STUDY.criterion_of(protocol),
    )


def record_of(spec, trained):
    error = (0.05 if trained else 0.9,)
    epoch = EpochRecord(
        train_loss=(1.0,),
        train_error=error,
        test_loss=(1.0,),
        test_error=error,
        seconds=1.0,
    )
    return TrialRecord(
        spec=spec,
        outcome=Outcome.TRAINED if trained else Outcome.STUCK,
        epochs=(epoch,) * 3,
        num_classes=10,
    )
