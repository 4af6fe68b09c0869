"""A posterior search over made-up worlds whose trainings fail by chance."""

import random

from builders import under

from depthbench.record import EpochRecord, Outcome, TrialRecord
from depthbench.spec import Cell, Criterion, StudySpec, TrialSpec

STUDY = StudySpec(arch=("net",), search="posterior", cap=30, max_trials=12)


CELL = under(
    STUDY,
    Cell(
        protocol="standard",
        template=TrialSpec(architecture="net", depth=3, data="toy", seed=0, lr=0.05),
        criterion=Criterion(),
    ),
)


def record_of(spec, outcome):
    error = (0.05 if outcome is Outcome.TRAINED else 0.9,)
    epoch = EpochRecord(
        train_loss=(2.3,),
        train_error=error,
        test_loss=(2.3,),
        test_error=error,
        seconds=1.0,
    )
    return TrialRecord(
        spec=spec,
        outcome=outcome,
        epochs=(epoch,) * 3 if outcome.is_evidence else (),
        num_classes=10,
        seconds=2.0 * spec.depth,
    )


def world(number):
    """A network whose training fails by chance: a function of depth and seed."""
    lot = random.Random(number)
    limit, spread, lapse = lot.uniform(2, 45), lot.choice((0, 0.1, 0.3)), 0.05

    def train(spec):
        chance = random.Random(f"{number} {spec.depth} {spec.seed}")
        edge = limit * (1 + spread * chance.gauss(0, 1))
        trained = spec.depth <= edge and chance.random() > lapse
        return record_of(spec, Outcome.TRAINED if trained else Outcome.STUCK)

    return train
