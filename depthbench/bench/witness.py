"""Two implementations train the same networks: do as many trainings succeed?

One is depthbench, with its fused kernels where they run. The other is
`bench.baseline`, which shares with it the description of the stack and the decoded
images, and nothing else: weights and order come from torch's global generator, by
another path. Single trainings therefore differ; what must agree is the share of them
that trains.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.stack import stack_of
from depthbench.bench import baseline
from depthbench.bench.driver import open_workers
from depthbench.bench.machine import why_not_fused
from depthbench.bench.plan import Side
from depthbench.bench.witness_table import (
    Implementation,
    WitnessTraining,
    read_trainings,
    witness_rows,
)
from depthbench.calibration.frames import as_csv
from depthbench.datasets import DATASETS
from depthbench.runtime.environment import capture_environment
from depthbench.spec import Criterion, TrialSpec
from depthbench.store import write_atomic
from depthbench.store.lock import hold_lock
from depthbench.trial import TrialContext, run_trial
from depthbench.verdict import REFERENCE_CRITERION, error_of

_SIDES: dict[Implementation, Side] = {
    "baseline": Side.BASELINE,
    "depthbench": Side.REFERENCE,
}
TRAININGS_NAME = "trainings.csv"
TABLE_NAME = "witness.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessPlan:
    """What both implementations train.

    Attributes:
        architecture: A stack; other networks exist in one implementation only.
        depths: On its grid.
        num_seeds: Trainings at each depth, of each implementation.
        data: Name of the data set.

    Raises:
        ValueError: If the notebook has no such architecture, or no such depth exists.
    """

    architecture: str = "elu"
    depths: tuple[int, ...] = (21, 39)
    num_seeds: int = 12
    data: str = "mnist"

    def __post_init__(self) -> None:
        entry = ARCHITECTURES[self.architecture]
        stacks = [stack.name for stack in NOTEBOOK_STACKS]
        if entry.name not in stacks:
            raise ValueError(
                f"arch = {self.architecture}: only those of the notebook are written a "
                f"second time: {', '.join(stacks)}"
            )
        for depth in self.depths:
            entry.grid.check(depth)

    @property
    def specs(self) -> Iterator[TrialSpec]:
        """The trainings, all depths of one seed before the next seed."""
        kernels = "reference" if why_not_fused("cpu") else "fused"
        for seed in range(self.num_seeds):
            for depth in self.depths:
                yield TrialSpec(
                    architecture=self.architecture,
                    depth=depth,
                    data=self.data,
                    seed=seed,
                    lr=ARCHITECTURES[self.architecture].lr,
                    kernels=kernels,  # type: ignore[arg-type]
                )


class NoEvidenceError(RuntimeError):
    """A training of depthbench that could not be measured."""


def run_witness(
    plan: WitnessPlan, folder: Path, data_dir: Path, report: Callable[[str], None]
) -> list[WitnessTraining]:
    """Train what `folder` lacks, one training at a time.

    Args:
        plan: What to train.
        folder: Of `trainings.csv`, where each is stored as it ends, and is not
            trained again; and of `witness.csv`, written when none is left.
        data_dir: Where the data sets lie.
        report: Called with a line about each training.

    Returns:
        The trainings of the plan, those of earlier calls among them.

    Raises:
        NoEvidenceError: If one could not be measured; it is tried again next time.
        StoreError: If another process writes to `folder`, or nothing can be written.
        ValueError: If the stored trainings are not of this version.
    """
    with hold_lock(folder):
        stored = read_trainings(folder / TRAININGS_NAME)
        planned = {(name, spec.id): spec for spec in plan.specs for name in _SIDES}
        todo = planned.keys() - {each.key for each in stored}
        with open_workers({_SIDES[name]: (1, 1) for name, _ in todo}) as workers:
            for number, (key, spec) in enumerate(planned.items(), 1):
                if key not in todo:
                    continue
                (name, _) = key
                worker = workers[_SIDES[name]]
                stored.append(worker.submit(_TRAIN[name], spec, data_dir).result())
                write_atomic(folder / TRAININGS_NAME, as_csv(pd.DataFrame(stored)))
                report(f"{number} of {len(planned)}: {_line(stored[-1])}")
        found = [each for each in stored if each.key in planned]
        write_atomic(folder / TABLE_NAME, as_csv(witness_rows(found)))
        return found


def train_baseline(spec: TrialSpec, data_dir: Path) -> WitnessTraining:
    """One training by the baseline, as `spec` describes it; it ends at a NaN."""
    # The baseline's own way to be repeatable, in a process of its own.
    torch.manual_seed(spec.seed)  # noqa: TID251
    data = DATASETS[spec.data].load(data_dir)
    stack = stack_of(ARCHITECTURES[spec.architecture])
    assert stack is not None
    model = baseline.Net(stack, spec.depth, data.image_shape, data.num_classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=spec.lr, momentum=spec.momentum)
    batches, tests = (
        baseline.make_loader(
            images, labels, data.mean, data.std, spec.batch_size, shuffle=shuffle
        )
        for images, labels, shuffle in (
            (data.train_images, data.train_labels, True),
            (data.test_images, data.test_labels, False),
        )
    )
    errors: tuple[float, float] | None = None
    for _ in range(spec.epochs):
        loss, accuracy = baseline.train(model, batches, optimizer, spec.device)
        if not math.isfinite(loss):
            errors = None
            break
        _, tested = baseline.test(model, tests, spec.device)
        errors = 1 - accuracy, 1 - tested
    return _training("baseline", spec, errors, "torch")


def train_depthbench(spec: TrialSpec, data_dir: Path) -> WitnessTraining:
    """One training by depthbench.

    Raises:
        NoEvidenceError: If it could not be measured.
    """
    record = run_trial(spec, TrialContext(data_dir=data_dir))
    if not record.outcome.is_evidence:
        what = f"{spec.architecture} k={spec.depth}, seed {spec.seed}"
        raise NoEvidenceError(f"{what}: {record.outcome}: {record.message}")
    if record.first_nonfinite_step is not None:
        return _training("depthbench", spec, None, spec.kernels)
    last = record.epochs[-1]
    errors = last.train_error[-1], error_of(last, Criterion(source="test"))
    return _training("depthbench", spec, errors, spec.kernels)


_TRAIN = {"baseline": train_baseline, "depthbench": train_depthbench}


def _training(
    implementation: Implementation,
    spec: TrialSpec,
    errors: tuple[float, float] | None,
    kernels: str,
) -> WitnessTraining:
    where = capture_environment(spec.device)
    return WitnessTraining(
        implementation=implementation,
        architecture=spec.architecture,
        data=spec.data,
        depth=spec.depth,
        seed=spec.seed,
        trained=errors is not None and min(errors) < REFERENCE_CRITERION.threshold,
        train_error=errors and errors[0],
        test_error=errors and errors[1],
        trial=spec.id,
        kernels=kernels,
        device_name=where.device_name,
        torch=where.torch,
        git_commit=where.git_commit,
    )


def _line(training: WitnessTraining) -> str:
    error = training.test_error
    ended = "diverged" if error is None else f"test error {100 * error:.1f} %"
    return (
        f"{training.implementation}, {training.architecture} k={training.depth}, seed "
        f"{training.seed}: {ended}"
    )
