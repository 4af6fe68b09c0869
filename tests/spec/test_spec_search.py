"""The keys that say how to search."""

from dataclasses import replace
from pathlib import Path

import pytest

from depthbench.spec import Budget, StudySpec, parse_budget, read_study, write_study


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("90s", 90, "seconds"),
        ("30m", 1800, "seconds"),
        ("1.5h", 5400, "seconds"),
        ("2 h", 7200, "seconds"),
        ("1d", 86400, "seconds"),
        ("5000le", 5000, "layer_epochs"),
    ],
)
def test_budgets(text: str, amount: float, unit: str) -> None:
    budget = parse_budget(text)
    assert budget == Budget(amount, unit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-1h", "0s", "0.0h", "1e3s", "nans", "2h30m", "5 layers"]
)
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(ValueError, match=r"budget = .*: a number above 0 and a unit"):
        StudySpec(arch=("elu",), search="posterior", budget=text)


def test_a_study_without_the_new_keys_is_a_bisection(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text('arch = "elu"\nseeds = 5\n')
    study = read_study(path)
    assert study == StudySpec(name="old", arch=("elu",), seeds=5, search="bisect")
    assert study.budget is None


def test_every_key_survives_the_file(tmp_path: Path) -> None:
    study = StudySpec(
        name="s",
        arch=("elu",),
        search="posterior",
        precision=0.1,
        max_trials=25,
        budget="2h",
        ahead=4,
        depths=(12, 96),
    )
    path = tmp_path / "s.toml"
    path.write_text(write_study(study, ()))
    assert read_study(path) == study
    path.write_text(write_study(replace(study, budget=None), ()))
    assert read_study(path).budget is None
