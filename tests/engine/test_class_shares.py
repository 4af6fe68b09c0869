"""Classes of unequal size: the constant answer is no training, whatever its error."""

from pathlib import Path

import pytest
import torch
from toy import toy_data

from depthbench.architectures import ARCHITECTURES
from depthbench.datasets import Dataset
from depthbench.datasets.image_data import ImageData
from depthbench.engine.readiness import data_sums
from depthbench.record import Chance
from depthbench.registry import Registry
from depthbench.spec import StudySpec, UsageError
from depthbench.study.resolve import resolve_cells
from depthbench.training import ResidentData
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial


def skewed(folder: Path) -> ImageData:
    """Two classes: 19 of 20 training images and 4 of 5 test images are of the first."""
    del folder
    whole = toy_data(num_train=80, num_test=20)
    train, test = (torch.arange(n) % m == 0 for n, m in ((80, 20), (20, 5)))
    return ImageData.from_tensors(
        "skewed",
        (whole.train_images, train.long()),
        (whole.test_images, test.long()),
        num_classes=2,
    )


SETS = Registry(
    "data set", {"skewed": Dataset("skewed", "", "", skewed, lambda _: None)}
)


def cells_of(**values):
    given = {"arch": ("tanh_naive",), "epochs": 1, "batch": 32, "kernels": "reference"}
    study = StudySpec(data=("skewed",), **given | values)
    return resolve_cells(study, ARCHITECTURES, SETS, device="cpu")


@pytest.mark.parametrize(
    ("criterion", "chance"),
    [("either", 0.05), ("train", 0.05), ("test", 0.2), ("test_batch_stats", 0.2)],
)
def test_a_threshold_that_the_constant_answer_meets_is_refused(criterion, chance):
    refused = cells_of(criterion=criterion, threshold=chance + 1e-9)
    with pytest.raises(UsageError, match=f"has an error of {chance} .*{criterion}"):
        data_sums(refused, SETS, Path())
    lower = cells_of(criterion=criterion, threshold=0.9 * chance)
    assert data_sums(lower, SETS, Path()).keys() == {"skewed"}


def test_a_trial_says_what_the_constant_answer_reaches(monkeypatch):
    monkeypatch.setattr(trial, "DATASETS", SETS)
    (cell,) = cells_of(num_validation=20, train_limit=40)
    record = run_trial(cell.trial(3, 0), TrialContext(data_dir=Path()))
    loss = -(0.05 * torch.tensor(0.05).log() + 0.95 * torch.tensor(0.95).log()).item()
    assert record.chance == pytest.approx(Chance(loss, 0.05, 0.2, 0.05), abs=1e-6)


def test_equal_classes_have_the_chance_of_their_number():
    data = ResidentData.on("cpu", toy_data())
    assert data.chance[:3] == pytest.approx(Chance.even(10)[:3])
    assert data.chance.validation_error is None
