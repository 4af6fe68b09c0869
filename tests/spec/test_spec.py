"""Identities of trials, depth grids, and what belongs to a cell."""

import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depthbench.spec import (
    Cell,
    Criterion,
    DepthGrid,
    StudySpec,
    TrialSpec,
)
from depthbench.spec.study import SEARCH_FIELDS, TRAINING_FIELDS

PLAIN = TrialSpec(architecture="elu", depth=39, data="mnist", seed=0, lr=0.05)

# Another value for every field of a trial.
OTHER = {
    "architecture": "resnet",
    "depth": 42,
    "data": "kmnist",
    "seed": 1,
    "lr": 0.005,
    "initializer": "fan_in",
    "epochs": 4,
    "batch_size": 128,
    "momentum": 0.5,
    "weight_decay": 1e-4,
    "train_mode": "first_epoch",
    "device": "cuda",
    "kernels": "fused",
    "plugin_sha256": "ab",
    "stop_rules": ("chance(step=250, tolerance=0.02, gradient_norm=0.5)",),
}
EXTENDED = OTHER | {
    "optimizer": "adam",
    "nesterov": True,
    "l2": 1e-5,
    "lr_milestones": (6, 8),
    "lr_gamma": 0.5,
    "num_validation": 1000,
    "train_limit": 500,
    "normalization": "half",
    "max_train_seconds": 60.0,
    "train_after": True,
    "test_every": "100it",
    "warmup": 100,
    "seeding": "seed",
}
ADDED = ("seeding", "train_after", "test_every", "warmup")
REST = {name: value for name, value in EXTENDED.items() if name not in ADDED}


@pytest.mark.parametrize(
    ("changes", "golden"),
    [
        ({}, "726c36bb9b1eb1ff"),
        ({"initializer": "fan_in"}, "3c6cba94ebdfba5e"),
        ({"train_mode": "first_epoch", "device": "cuda"}, "4047df87b072ccdb"),
        (OTHER | {"kernels": "reference", "stop_rules": ()}, "0dd2cbe9c95bf408"),
        (OTHER | {"stop_rules": ()}, "431e80b8aff3fa42"),
        (OTHER, "39fdb5a2c5b07f77"),
        (REST, "5b55741115a3a9db"),
        ({"max_train_seconds": 60, "l2": 1}, "d2f32bb5a8128d75"),
        ({"max_train_seconds": 60.0, "l2": 1.0}, "d2f32bb5a8128d75"),
    ],
)
def test_golden_ids(changes: dict[str, Any], golden: str) -> None:
    """Results already stored are found by these: a change here orphans all of them."""
    assert replace(PLAIN, seeding="seed", **changes).id == golden


def test_golden_ids_of_trials_seeded_by_seed_and_depth() -> None:
    assert PLAIN.id == "239d93c17ef701a4"
    assert replace(PLAIN, **OTHER).id == "3c717881a23932a2"


def test_every_field_is_part_of_the_identity() -> None:
    assert [field.name for field in fields(TrialSpec)] == list(EXTENDED)
    ids = {replace(PLAIN, **{name: value}).id for name, value in EXTENDED.items()}
    assert len(ids | {PLAIN.id}) == 1 + len(EXTENDED)


def test_spelling_out_a_default_changes_nothing() -> None:
    spelt_out = TrialSpec(**PLAIN.to_dict())
    assert spelt_out == PLAIN
    assert spelt_out.id == PLAIN.id


def test_equal_specs_have_equal_ids() -> None:
    """An architecture may state its rate as `lr=1`."""
    whole, real = replace(PLAIN, lr=1), replace(PLAIN, lr=1.0)
    assert whole == real
    assert whole.id == real.id


def test_the_notebook_protocol_judges_by_the_mean_over_heads() -> None:
    study = StudySpec(arch=("elu",), threshold=0.3, criterion="test")
    assert study.criterion_of("standard") == Criterion(threshold=0.3, source="test")
    notebook = Criterion(threshold=0.3, source="test", heads="mean")
    assert study.criterion_of("notebook") == notebook


def test_studies_differ_in_training_only_where_a_training_differs() -> None:
    study = StudySpec(arch=("elu",))
    search = replace(study, arch=("x",), seeds=5, cap=99, threshold=0.5, name="y")
    assert search.differences(study, TRAINING_FIELDS) == []
    assert len(search.differences(study, SEARCH_FIELDS)) == 3
    other = StudySpec(
        arch=("elu",),
        init="fan_in",
        epochs=4,
        batch=64,
        lr=0.1,
        momentum=0.5,
        weight_decay=0.01,
        device="cuda",
    )
    assert other.differences(study, TRAINING_FIELDS) == [
        "init: fan_in asked, None stored",
        "epochs: 4 asked, 3 stored",
        "batch: 64 asked, 256 stored",
        "lr: 0.1 asked, None stored",
        "momentum: 0.5 asked, 0.9 stored",
        "weight_decay: 0.01 asked, 0.0 stored",
        "device: cuda asked, auto stored",
    ]


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(-200, 400))
def test_a_depth_off_the_grid_is_told_the_nearest_that_exist(
    start: int, step: int, depth: int
) -> None:
    grid = DepthGrid(start, step)
    exists = depth in range(start, 1000, step)
    assert grid.contains(depth) is exists
    below = max((d for d in range(start, 1000, step) if d <= depth), default=start)
    assert grid.floor(depth) == below
    if exists:
        assert grid.check(depth) == depth
        return
    near = f"{start}" if depth < start else f"{below} and {below + step}"
    with pytest.raises(ValueError, match=f"; nearest: {near}$") as caught:
        grid.check(depth, "cap")
    assert str(caught.value).startswith(f"cap {depth} is not on the depth grid {start}")


def test_a_cell_owns_its_trials_and_no_others() -> None:
    cell = Cell(protocol="standard", template=PLAIN, criterion=Criterion())
    assert cell.key == ("elu", "mnist", "standard")
    assert cell.trial(6, 2) == replace(PLAIN, depth=6, seed=2)
    own = ("depth", "seed", "stop_rules")
    for name, value in OTHER.items():
        assert cell.owns(replace(PLAIN, **{name: value})) is (name in own)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, math.nan, 20])
def test_a_threshold_is_a_fraction(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"above 0 and below 1; 0.2 means 20 %"):
        Criterion(threshold=threshold)
