"""Several learning rates: cells of their own, the envelope, the largest stable rate."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import under
from click.testing import CliRunner
from fixtures.rates import a_cell, a_record, below_a_power, run

from depthbench.architectures import ARCHITECTURES
from depthbench.cli.run import command as run_command
from depthbench.curves import Estimate
from depthbench.curves.stable_rate import (
    RateOutcome,
    StableRate,
    about_large_rates,
    fit_stable_rate,
)
from depthbench.datasets import DATASETS
from depthbench.record import Outcome, TrialRecord
from depthbench.report.collect import study_result
from depthbench.report.rates import (
    RateGroup,
    exponent_sentence,
    limit_sentence,
    rate_groups,
)
from depthbench.report.results import Status
from depthbench.report.tables import tables_of
from depthbench.search import plan_cell
from depthbench.spec import (
    Cell,
    Rate,
    StudySpec,
    TrialSpec,
    read_cells,
    read_study,
    write_study,
)
from depthbench.study.cost import eta_seconds
from depthbench.study.resolve import resolve_cells

GRID = (0.005, 0.015, 0.05, 0.15)
STUDY = StudySpec(arch=("net",), cap=192, lr_grid=GRID)


def cells_of(study: StudySpec) -> tuple[Cell, ...]:
    return resolve_cells(study, ARCHITECTURES, DATASETS, device="cpu")


def grid_cells(*rates: float, own: float = 0.05) -> list[Cell]:
    return [a_cell(Rate(name=f"lr {lr}", is_own=lr == own), lr) for lr in rates or GRID]


def only_group(cells: list[Cell], records: list[TrialRecord]) -> RateGroup:
    [group] = rate_groups(study_result(STUDY, cells, records))
    return group


def test_identities_of_studies_of_one_rate_are_as_they_were() -> None:
    """Pinned: stored trials must be found again."""
    [cell] = cells_of(StudySpec(arch=("elu",), kernels="reference"))
    assert cell.key == ("elu", "mnist", "standard")
    assert cell.trial(39, 1).id == "6596089131b965b8"
    assert replace(cell.trial(39, 1), seeding="seed").id == "e0117b8871389025"
    assert cell.rate == Rate()


def test_a_grid_makes_a_cell_for_each_rate_and_the_trials_are_those_of_lr() -> None:
    study = StudySpec(arch=("elu",), lr_grid=(0.15, 0.05), kernels="reference")
    cells = cells_of(study)
    assert [cell.key for cell in cells] == [
        ("elu", "mnist", "standard", "lr 0.05"),
        ("elu", "mnist", "standard", "lr 0.15"),
    ]
    for cell in cells:
        [alone] = cells_of(
            StudySpec(arch=("elu",), lr=cell.template.lr, kernels="reference")
        )
        assert alone.trial(12, 2).id == cell.trial(12, 2).id
    assert [cell.rate.is_own for cell in cells] == [True, False]
    assert [cell.reference for cell in cells] == [(39, 42), None]


def test_a_scaled_rate_is_a_power_of_depth() -> None:
    study = StudySpec(arch=("elu",), lr_scaling=-1.5, lr_depth=12)
    own, scaled = cells_of(study)
    assert (own.rate.is_own, own.rate.is_fixed) == (True, True)
    assert scaled.trial(12, 0).lr == own.trial(12, 0).lr == 0.05
    assert scaled.trial(48, 0).lr == 0.00625  # a quarter to the power of 3/2
    assert scaled.trial(6, 0).lr == 0.141421
    assert scaled.owns(scaled.trial(48, 3))
    assert not scaled.owns(own.trial(48, 3)) and not own.owns(scaled.trial(48, 3))
    [_, from_start] = cells_of(StudySpec(arch=("elu",), lr_scaling=-1.5))
    assert from_start.trial(3, 0).lr == 0.05


def test_a_resolved_study_keeps_its_rates(tmp_path: Path) -> None:
    for options in (
        {"lr_grid": (0.05, 1.0), "lr_scaling": -1.5, "lr_depth": 9},
        {"tune_lr": 5, "lr_range": (1e-3, 0.5)},
        {},
    ):
        study = StudySpec(arch=("elu", "resnet_nobn"), name="x", **options)
        cells = cells_of(study)
        path = tmp_path / "study.toml"
        path.write_text(write_study(study, cells))
        assert read_study(path) == study
        assert read_cells(path) == cells
        assert ("rate" in path.read_text()) is bool(options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lr_grid": (0.1, 0.0)}, "lr_grid = 0.0: finite numbers above 0"),
        ({"lr_grid": (0.1, math.nan)}, "lr_grid = nan"),
        ({"lr_grid": (0.1, 0.1)}, "lr_grid = 0.1, 0.1: each rate once"),
        ({"lr_grid": (0.1,), "lr": 0.2}, "put 0.2 into the grid"),
        ({"lr_scaling": 0.0}, "lr_scaling = 0.0: a finite number other than 0"),
        ({"lr_scaling": math.inf}, "lr_scaling = inf"),
        ({"lr_depth": 3}, "lr_depth = 3: only with lr_scaling"),
        ({"lr_depth": 0, "lr_scaling": -1.5}, "lr_depth = 0: a whole number"),
        ({"tune_lr": -1}, "tune_lr = -1: a whole number of at least 0"),
        ({"tune_lr": 5, "lr_grid": (0.1,)}, "not together with lr_grid"),
        ({"lr_range": (0.1, 0.5)}, "lr_range = 0.1:0.5: without effect; add tune_lr"),
        ({"lr_range": (1.0, 0.1)}, "lr_range = 1:0.1: LOW:HIGH"),
        ({"lr_range": (0.0, 0.1)}, "lr_range = 0:0.1"),
        ({"lr_range": (0.1, 0.1)}, "at least 1 % above it"),
        ({"lr_range": (0.1, math.inf)}, "lr_range = 0.1:inf"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as error:
        StudySpec(arch=("elu",), **options)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--lr-grid", "0.1,x"], "numbers between commas"),
        (["--lr-grid", "0.1,,0.2"], "numbers between commas"),
        (["--lr-range", "0.1"], "two numbers, as in 1e-4:1"),
        (["--tune-lr", "2.5"], "not a valid integer"),
        (["--lr-scaling", "steep"], "not a valid float"),
    ],
)
def test_mistakes_in_flags_are_named(flags: list[str], words: str) -> None:
    done = CliRunner().invoke(run_command, ["--arch", "elu", *flags])
    assert done.exit_code == 2
    assert words in done.output


def test_cells_of_one_template_count_for_themselves_in_the_time_left() -> None:
    own, scaled = cells_of(StudySpec(arch=("elu",), lr_scaling=-1.5))
    study = StudySpec(arch=("elu",), lr_scaling=-1.5)
    records = [a_record(own.trial(3, 0), Outcome.TRAINED)]
    alone = eta_seconds([plan_cell(under(study, own), records)], records, 1)
    both = [plan_cell(under(study, cell), records) for cell in (own, scaled)]
    together = eta_seconds(both, records, 1)
    assert alone is not None and together is not None and together > 1.1 * alone


def test_the_envelope_is_the_best_rate_at_each_depth() -> None:
    """With lr < 2 k^-1.5, rate r trains to k = (2/r)^(2/3), on a grid of 3 layers."""
    cells = grid_cells()
    group = only_group(cells, run(cells, STUDY, below_a_power(2.0, -1.5)))
    limits = [(2 / lr) ** (2 / 3) for lr in GRID]
    assert [c.trains for c in group.cells] == [int(k // 3) * 3 for k in limits]
    best, fixed = group.best, group.fixed
    assert best is not None and fixed is not None
    assert (best.trains, best.lr) == (group.cells[0].trains, 0.005)
    assert best.fails == group.cells[0].fails
    assert (fixed.trains, fixed.lr) == (group.cells[2].trains, 0.05)
    assert group.scaled is None
    assert "the limit is of the learning rate" in limit_sentence(group)


def test_the_envelope_fails_only_where_every_rate_is_known_to() -> None:
    cells = grid_cells()
    study = replace(STUDY, cap=24)
    records = run(cells, study, below_a_power(2.0, -1.5))
    [group] = rate_groups(study_result(study, cells, records))
    assert group.cells[3].fails is not None
    best = group.best
    assert best is not None and (best.trains, best.fails) == (24, None)
    half_done = [r for r in records if r.spec.lr != 0.005]
    [group] = rate_groups(study_result(study, cells, half_done))
    assert group.best is not None and not group.best.is_final
    assert limit_sentence(group) == ""


def test_no_better_rate_is_said_in_so_many_words() -> None:
    def oracle(spec: TrialSpec) -> Outcome:
        return Outcome.TRAINED if spec.depth <= 30 else Outcome.STUCK

    cells = grid_cells()
    group = only_group(cells, run(cells, STUDY, oracle))
    assert limit_sentence(group).startswith("No learning rate that was tried trains it")
    assert group.stable is None and exponent_sentence(group.stable) == ""


def one_depth(*trained: bool) -> RateGroup:
    study = StudySpec(
        arch=("net",), search="grid", depths=(3, 3), seeds=1, lr_grid=(0.05, 0.5)
    )
    cells = [
        under(study, a_cell(Rate(name=f"lr {lr}", is_own=lr == 0.05), lr=lr))
        for lr in study.lr_grid
    ]
    records = [
        a_record(each.trial(3, 0), Outcome.TRAINED if good else Outcome.STUCK)
        for each, good in zip(cells, trained, strict=True)
    ]
    [group] = rate_groups(study_result(study, cells, records))
    return group


@pytest.mark.parametrize(
    ("own", "other", "said"),
    [
        (True, True, ""),
        (True, False, ""),
        (False, True, "At its own learning rate it does not train at depth 3, at 0.5"),
        (False, False, "No learning rate that was tried trains it at depth 3."),
    ],
)
def test_one_depth_is_no_limit(own: bool, other: bool, said: str) -> None:
    sentence = limit_sentence(one_depth(own, other))
    assert sentence.startswith(said) and bool(sentence) == bool(said)


def test_rates_that_all_reach_the_cap_were_not_told_apart() -> None:
    study = replace(STUDY, cap=3)
    cells = grid_cells()
    records = run(cells, study, below_a_power(2.0, -1.5))
    [group] = rate_groups(study_result(study, cells, records))
    assert group.fixed is not None and group.fixed.fails is None
    assert limit_sentence(group) == ""


def outcomes(records: list[TrialRecord]) -> list[RateOutcome]:
    return [
        RateOutcome(r.spec.depth, r.spec.lr, r.outcome is Outcome.TRAINED)
        for r in records
    ]


@pytest.mark.parametrize("exponent", [-1.5, -1.0, -2.0])
def test_the_exponent_is_found(exponent: float) -> None:
    cells = grid_cells(0.0015, *GRID)
    at_one = 0.05 * 24**-exponent
    records = run(cells, STUDY, below_a_power(at_one, exponent, noise=0.15))
    stable = fit_stable_rate(outcomes(records))
    assert stable is not None
    low, high = stable.exponent.low, stable.exponent.high
    assert low is not None and high is not None and low < exponent < high
    assert high - low < 0.9
    at_24 = (stable.lr.median or 0) * (24 / stable.depth) ** (
        stable.exponent.median or 0
    )
    assert at_24 == pytest.approx(0.05, rel=0.25)


@pytest.mark.slow
def test_the_exponent_covers_the_truth_in_repeated_studies() -> None:
    """Nine in ten, with an architecture's own limit at 60 layers in the way."""
    grid = np.geomspace(0.004, 0.3, 6)
    hits, fitted = 0, 0
    for world in range(25):
        generator = np.random.default_rng(world)
        trials = []
        for lr in grid:
            for depth in (3, 6, 9, 12, 18, 24, 36, 48, 60, 72):
                limit = 0.05 * (depth / 24) ** -1.5 * np.exp(0.2 * generator.normal())
                trains = lr < limit and depth < 60 * np.exp(0.1 * generator.normal())
                trials.append(RateOutcome(depth, float(lr), bool(trains)))
        stable = fit_stable_rate(trials)
        assert stable is not None
        fitted += 1
        exponent = stable.exponent
        hits += (exponent.low or -9) <= -1.5 <= (exponent.high or 9)
    assert hits >= 0.8 * fitted


def test_too_few_depths_give_no_exponent() -> None:
    trials = [
        RateOutcome(depth, lr, trained)
        for depth, lr, trained in (
            (6, 0.1, True),
            (12, 0.1, False),
            (24, 0.1, False),
            (12, 0.01, True),
            (48, 0.01, True),
        )
    ]
    assert fit_stable_rate(trials) is None
    assert fit_stable_rate([*trials, RateOutcome(36, 0.1, False)]) is not None


def test_only_failures_that_a_smaller_rate_explains_are_the_rates() -> None:
    large = [RateOutcome(6, 0.1, True), RateOutcome(12, 0.1, False)]
    small = [RateOutcome(48, 0.01, True), RateOutcome(96, 0.01, False)]
    assert about_large_rates(large + small) == large
    # Deeper than any smaller rate reaches, the failure may be the architecture's.
    deep = RateOutcome(60, 0.1, False)
    assert deep not in about_large_rates([*large, *small, deep])
    # Two rates that reach as deep as each other are both limited by something else.
    alike = [RateOutcome(45, 0.02, True), RateOutcome(51, 0.02, False)]
    assert about_large_rates(alike + small) == []


def test_words_for_an_exponent_never_promise_a_bound_that_is_none() -> None:
    def said(low: float | None, high: float | None) -> str:
        rate = Estimate(0.01, 0.02, 0.03)
        return exponent_sentence(StableRate(Estimate(low, -1.5, high), 24.0, rate, 9))

    assert "interval -1.80 to -1.20" in said(-1.8, -1.2)
    assert "interval at most -1.20" in said(None, -1.2)
    assert "interval at least -1.80" in said(-1.8, None)
    assert "None" not in said(None, None)


def test_the_tables_hold_every_pair_that_was_trained() -> None:
    cells = [*grid_cells(), a_cell(Rate(name="scaled", exponent=-1.5, depth=9))]
    records = run(cells, STUDY, below_a_power(2.0, -1.5))
    tables = tables_of(study_result(STUDY, cells, records))
    table = tables["rate_map"].frame
    assert table["num_trained"].sum() + table["num_failed"].sum() == len(records)
    assert not table.duplicated(["lr", "depth"]).any()
    at = table[(table["lr"] == 0.05) & (table["depth"] == 12)].iloc[0]
    assert (at["num_trained"], at["outcomes"]) == (0, "diverged 3")
    row = tables["rates"].frame.iloc[0]
    assert row["best_trains"] > row["fixed_trains"]
    assert row["scaled_lr"] == cells[-1].trial(int(row["scaled_trains"]), 0).lr
    assert row["exponent_low"] < -1.5 < row["exponent_high"]


def test_a_study_of_one_rate_has_no_tables_of_rates() -> None:
    cell = a_cell()
    study = replace(STUDY, lr_grid=())
    records = run([cell], study, below_a_power(2.0, -1.5))
    tables = tables_of(study_result(study, [cell], records))
    assert not tables.keys() & {"rates", "rate_map"}
    assert "rate" not in tables["depths"].frame


def test_rates_at_which_nothing_was_measured_claim_nothing() -> None:
    study = StudySpec(
        arch=("net",), search="grid", depths=(3, 6), seeds=1, lr_grid=(0.05, 0.5)
    )
    cells = [
        under(study, a_cell(Rate(name=f"lr {lr}", is_own=lr == 0.05), lr=lr))
        for lr in study.lr_grid
    ]
    records = [
        a_record(spec, Outcome.TIMED_OUT)
        for each in cells
        for spec in plan_cell(each, []).wanted
    ]
    assert len(records) == 4
    result = study_result(study, cells, records)
    assert {each.status for each in result.cells} == {Status.STOPPED}
    [group] = rate_groups(result)
    assert limit_sentence(group) == ""
