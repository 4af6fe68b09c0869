"""k50 and its interval: in numbers, words and tables, under every kind of search."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from builders import under
from fixtures.report.synthetic import World, cell, record_of, search

from depthbench.curves import (
    CurvePosterior,
    Estimate,
    Prior,
    monotonicity_p_value,
)
from depthbench.curves.grid import WIDE_PRIOR
from depthbench.curves.words import estimate_text
from depthbench.record import Outcome
from depthbench.report.collect import study_result
from depthbench.report.depth_columns import depths_table
from depthbench.report.facts import measured_facts, missing_notes
from depthbench.report.fit import success_band
from depthbench.report.results import CellResult, Status, StudyResult
from depthbench.report.tables import tables_of
from depthbench.report.words import (
    answer_sentence,
    deepest_text,
    note_text,
)
from depthbench.search import plan_cell, strategy_of
from depthbench.spec import StudySpec

BISECT = StudySpec(name="made_up", arch=("net",), cap=384)
POSTERIOR = replace(BISECT, search="posterior")
GRID = replace(BISECT, search="grid", depths=(3, 60))
PLAIN = World(limit=30, spread=0.1)


def result_of(study: StudySpec, world: World = PLAIN) -> StudyResult:
    net = cell("net", study=study)
    return study_result(study, [net], search([net], lambda _: world))


def one(study: StudySpec, world: World = PLAIN) -> CellResult:
    return result_of(study, world).cells[0]


def row_of(result: StudyResult) -> pd.Series:
    return tables_of(result)["depths"].frame.iloc[0]


@pytest.mark.parametrize("study", [BISECT, POSTERIOR, GRID], ids=lambda s: s.search)
def test_the_interval_is_computed_from_the_trials_shown(study: StudySpec) -> None:
    result = result_of(study)
    trials = result.cells[0].evidence
    seen = [(t.depth, t.outcome is Outcome.TRAINED) for t in trials]
    prior = Prior() if study.search == "posterior" else WIDE_PRIOR
    curve = CurvePosterior.given(seen, shallowest=3, deepest=384, prior=prior)
    row = row_of(result)
    assert row["search"] == study.search
    for name, estimate in (("k50", curve.k50()), ("k90", curve.k90())):
        for suffix, depth in (
            ("_low", estimate.low),
            ("", estimate.median),
            ("_high", estimate.high),
        ):
            assert row[name + suffix] == pytest.approx(
                math.nan if depth is None else depth, abs=0.0051, nan_ok=True
            )
    assert row["slope"] == pytest.approx(curve.slope_at_k50().median, abs=1e-4)
    assert row["lapse"] == pytest.approx(curve.lapse().median, abs=1e-4)
    p_value = monotonicity_p_value(seen)
    assert row["monotonicity_p_value"] == pytest.approx(p_value, abs=1e-4)
    assert row["num_runs"] == len(trials)
    assert row["layer_epochs"] == sum(3 * t.depth for t in trials)


def test_a_trial_that_the_search_did_not_ask_for_is_evidence_for_k50_alone() -> None:
    result = result_of(BISECT)
    net = result.cells[0].cell
    stray = record_of(net.trial(60, 9), Outcome.TRAINED, PLAIN)
    with_stray = study_result(BISECT, [net], [*result.records, stray])
    before, after = row_of(result), row_of(with_stray)
    assert after["k50_high"] > before["k50_high"]
    for name in ("trains", "fails", "status", "deepest"):
        assert after[name] == before[name]


def test_what_another_version_of_the_search_chose_is_not_lost() -> None:
    """Its trials stand, and the study is as finished as they make it."""
    result = result_of(POSTERIOR)
    net, records = result.cells[0].cell, list(result.records)
    # As if every trial had been chosen with another seed.
    moved = [
        replace(record, spec=net.trial(record.spec.depth, 50 + record.spec.seed))
        for record in records
    ]
    astray = study_result(POSTERIOR, [net], moved).cells[0]
    assert astray.plan.wanted == plan_cell(under(POSTERIOR, net), []).wanted
    assert astray.fit is not None and result.cells[0].fit is not None
    assert astray.fit.k50 == result.cells[0].fit.k50
    for name in ("status", "trains", "fails", "limited_by"):
        assert getattr(astray, name) == getattr(result.cells[0], name)
    few = study_result(POSTERIOR, [net], moved[:4]).cells[0]
    assert few.status is Status.UNFINISHED


def test_without_a_trial_there_is_no_number() -> None:
    net = cell("net", study=POSTERIOR)
    row = row_of(study_result(POSTERIOR, [net], []))
    names = ["k50", "k50_low", "k50_high", "k90", "slope", "lapse"]
    assert row[[*names, "monotonicity_p_value"]].isna().all()


@pytest.mark.parametrize("study", [BISECT, POSTERIOR, GRID], ids=lambda s: s.search)
@pytest.mark.parametrize("limit", [0.1, 10_000])
def test_a_censored_answer_is_a_bound(study: StudySpec, limit: float) -> None:
    result = one(study, World(limit=limit))
    assert result.status is Status.CENSORED
    assert result.fit is not None
    k50, row = result.fit.k50, row_of(result_of(study, World(limit=limit)))
    is_deep = limit > 384
    assert (k50.low is None, k50.high is None) == (not is_deep, is_deep)
    assert pd.isna(row["k50_high" if is_deep else "k50_low"])
    assert pd.isna(row["k50"]) and pd.isna(row["slope"])
    bound = "≥ " if is_deep else "≤ "
    assert estimate_text(k50).startswith(bound)
    word = "deeper" if is_deep else "shallower"
    assert f"or {word} (95 % sure)." in answer_sentence(result)
    assert deepest_text(result).startswith("≥ " if is_deep else "< 3")


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(41.2, 47.4, 52.6), "47 (41 to 53)"),
        (Estimate(3.21, 4.26, 5.5), "4.3 (3.2 to 5.5)"),
        (Estimate(9.8, 12.6, 94.8), "12.6 (9.8 to 94.8)"),
        (Estimate(88.1, None, None), "≥ 88"),
        (Estimate(None, None, 2.71), "≤ 2.7"),
        (Estimate(41.0, 47.0, None), "47 (≥ 41)"),
        (Estimate(None, 47.0, 53.0), "47 (≤ 53)"),
        (Estimate(None, None, None), ""),
    ],
)
def test_estimates_in_words(estimate: Estimate, text: str) -> None:
    assert estimate_text(estimate) == text


def test_the_answer_tells_bracket_and_interval() -> None:
    result = one(BISECT)
    assert result.fit is not None
    said = answer_sentence(result)
    low, high = result.fit.k50.low, result.fit.k50.high
    assert said.startswith(f"trains at depth {result.trains} (")
    assert f"and fails at {result.fails}. Half of its trainings succeed at" in said
    assert said.endswith(f"(90 % interval {low:.0f} to {high:.0f}).")


def test_depths_that_were_not_tried_are_not_claimed() -> None:
    study = replace(POSTERIOR, max_trials=4)
    net = cell("net", study=study)
    for fails, text in ((33, "30"), (48, "30 to 48")):
        seen = {30: Outcome.TRAINED, fails: Outcome.STUCK}
        records = [
            record_of(net.trial(depth, seed), outcome, PLAIN)
            for depth, outcome in seen.items()
            for seed in range(2)
        ]
        result = study_result(study, [net], records).cells[0]
        assert result.status is Status.DONE
        assert (result.trains, result.fails) == (30, fails)
        assert deepest_text(result) == text


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"max_trials": 4}, "the limit on trials came before the precision asked for"),
        ({"budget": "60le"}, "the budget was used up before the precision asked for"),
    ],
)
def test_a_search_that_hit_its_limit_says_so(
    changes: dict[str, object], note: str
) -> None:
    result = result_of(replace(POSTERIOR, **changes))  # type: ignore[arg-type]
    assert note_text(result.cells[0]) == note
    assert missing_notes(result) == [
        "1 cell whose search ended at its limit on trials or training, with an "
        "interval wider than asked for."
    ]
    assert missing_notes(result_of(POSTERIOR)) == []


def test_a_success_that_rises_with_depth_is_flagged() -> None:
    study = replace(GRID, depths=(3, 30), seeds=4)
    net = cell("net", study=study)
    odd = [
        record_of(
            net.trial(depth, seed),
            Outcome.STUCK if 9 <= depth <= 15 or depth > 24 else Outcome.TRAINED,
            PLAIN,
        )
        for depth in range(3, 31, 3)
        for seed in range(4)
    ]
    result = study_result(study, [net], odd)
    fit = result.cells[0].fit
    assert fit is not None and fit.is_suspicious
    (note,) = missing_notes(result)
    assert note.startswith("1 cell where trials contradict a success that only falls")
    even = one(study, World(limit=17, spread=0)).fit
    assert even is not None and not even.is_suspicious


def test_the_band_holds_nine_tenths_of_the_posterior_at_each_depth() -> None:
    fit = one(BISECT).fit
    assert fit is not None
    posterior = fit.posterior
    depths = [3.0, 20.0, 30.0, 50.0]
    for depth, low, high in zip(depths, *success_band(posterior, depths), strict=True):
        success = posterior.grid.success(depth)
        below = posterior.weights[success < low].sum()
        above = posterior.weights[success > high].sum()
        assert 0.02 < below <= 0.05 + 1e-4 or low == success.min()
        assert above <= 0.05 + 1e-4
        assert posterior.weights[success >= high].sum() >= 0.05 - 1e-4
        mean = posterior.success_probability([depth])[0]
        assert low <= mean <= high
    assert np.isfinite(fit.posterior.weights).all()


def decision_sentences(study: StudySpec) -> tuple[str, ...]:
    return strategy_of(study.search_spec).explanation(study.search_spec)


def test_how_a_depth_was_decided_is_true_of_the_search() -> None:
    posterior = " ".join(decision_sentences(replace(POSTERIOR, budget="2h")))
    assert "known to within 15 %" in posterior
    assert "after 40 trials, or 2h of training." in posterior
    assert "bisected" not in posterior and "doubles" not in posterior
    grid = " ".join(decision_sentences(replace(GRID, seeds=1)))
    assert "Every depth there is from 3 to 60 is trained with 1 seed." in grid
    bisect = " ".join(decision_sentences(BISECT))
    assert "bisected" in bisect and "budget" not in bisect
    terms = [fact.term for fact in measured_facts(result_of(BISECT))]
    assert terms[:3] == ["A trial", "A depth", "k50"]


def test_the_table_shows_the_interval_and_sorts_by_it() -> None:
    result = result_of(POSTERIOR)
    for brief in (True, False):
        table = depths_table(result).display(brief=brief)
        titles = [heading.title for heading in table.headings]
        field = table.rows[0][titles.index("k50")]
        fit = result.cells[0].fit
        assert fit is not None
        assert field.text == estimate_text(fit.k50)
        assert field.sort == fit.k50.median


def test_a_first_depth_where_some_trained_is_not_said_to_have_none() -> None:
    net = cell("net", study=replace(GRID, depths=(30, 33)))
    specs = [net.trial(30, seed) for seed in range(16)]
    records = [
        record_of(spec, Outcome.TRAINED if spec.seed < 6 else Outcome.STUCK, PLAIN)
        for spec in [*specs, *(net.trial(33, seed) for seed in range(3))]
    ]
    records[16:] = [record_of(r.spec, Outcome.STUCK, PLAIN) for r in records[16:]]
    (result,) = study_result(GRID, [net], records).cells
    assert "fails at 30: 6 of 19 trainings succeeded." in answer_sentence(result)
