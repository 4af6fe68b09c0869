"""Forecasts in a run: stored before the first trial, and where a search begins."""

import json
import math
from concurrent.futures import Future
from dataclasses import replace

import pytest
from builders import under
from posterior_cases import record_of
from toy import TOY_SETS

import depthbench as db
from depthbench.architectures import ARCHITECTURES
from depthbench.engine import OpenEngine
from depthbench.forecasting import predict as predicting
from depthbench.forecasting.limit import AtDepth, Forecast
from depthbench.forecasting.measured import Untrained
from depthbench.forecasting.predict import predict
from depthbench.record import Outcome
from depthbench.search import curve_of, plan_cell
from depthbench.spec import (
    Cell,
    Criterion,
    ForecastDepth,
    StudySpec,
    TrialSpec,
    read_resolved,
    read_study,
    write_study,
)
from depthbench.study.forecasts import with_forecasts
from depthbench.study.prepare import on_top_of, prepare

STUDY = StudySpec(arch=("elu",), search="posterior", cap=300, device="cpu")
CELL = under(
    STUDY,
    Cell(
        protocol="standard",
        template=TrialSpec(architecture="elu", depth=3, data="toy", seed=0, lr=0.05),
        criterion=Criterion(),
    ),
)
EXPECTED = ForecastDepth(
    k50=61.0, low=40.0, high=90.0, limited_by="signal vanishes", deepest=100
)


def depths_asked(cell, limit=50):
    """Depths of the first trials, one at a time, of a network with a sharp limit."""
    records = []
    while len(records) < 6 and (wanted := plan_cell(cell, records).wanted):
        trained = wanted[0].depth <= limit
        outcome = Outcome.TRAINED if trained else Outcome.STUCK
        records.append(record_of(wanted[0], outcome))
    return [record.spec.depth for record in records], records


def test_a_search_begins_at_its_forecast_and_owes_it_nothing_more():
    plain, records = depths_asked(CELL)
    forecast = replace(CELL, forecast=EXPECTED)
    begun, _ = depths_asked(forecast)
    assert begun[:2] == [39, 60] and plain[0] == 6
    same = replace(forecast, search=replace(CELL.search, start="bottom"))
    assert depths_asked(same)[0] == plain
    # The same trials say the same, whatever was expected.
    seen = [(r.spec.depth, r.outcome is Outcome.TRAINED) for r in records]
    curves = [curve_of(plan_cell(c, records), seen) for c in (CELL, forecast)]
    assert curves[0].k50() == curves[1].k50()


def test_depths_that_are_given_go_before_a_forecast():
    study = replace(STUDY, depths=(9, 30))
    cell = under(study, replace(CELL, forecast=EXPECTED))
    assert depths_asked(cell)[0][:2] == [9, 30]


@pytest.mark.parametrize(
    ("low", "k50", "first"),
    [(2, 4, [6, 12]), (400, 600, [6, 12]), (250, 500, [249, 300])],
)
def test_a_forecast_outside_the_depths_of_a_search_is_cut_to_them(low, k50, first):
    given = replace(EXPECTED, low=low, k50=k50)
    wanted = [
        spec.depth for spec in plan_cell(replace(CELL, forecast=given), []).wanted
    ]
    assert wanted == first


def test_a_study_keeps_its_forecasts_and_its_start(tmp_path):
    cells = (replace(CELL, forecast=EXPECTED), CELL)
    path = tmp_path / "study.toml"
    path.write_text(write_study(STUDY, cells))
    assert read_resolved(path) == (replace(STUDY, name=""), cells)
    # Those of earlier versions began at the bottom, and are continued so.
    path.write_text(path.read_text().replace('start = "forecast"\n', ""))
    assert read_resolved(path)[1][0].search.start == "bottom"
    written = tmp_path / "by_hand.toml"
    written.write_text('arch = "elu"\nsearch = "posterior"\n')
    assert read_study(written).start == "forecast"


def test_a_folder_goes_on_with_the_start_it_began_with(tmp_path):
    run = prepare(
        "elu",
        data="stroke_digits",
        search="posterior",
        device="cpu",
        start="bottom",
        out=tmp_path,
    )
    records = [record_of(run.cells[0].trial(3, 0), Outcome.TRAINED)]
    (tmp_path / "study.toml").write_text(write_study(run.study, run.cells))
    again = prepare(
        "elu", data="stroke_digits", search="posterior", device="cpu", out=tmp_path
    )
    assert again.study.start == "forecast"
    continued = on_top_of(again, records)
    assert continued.study.start == "bottom"
    assert continued.cells[0].search.start == "bottom"
    assert continued.shown_cells == continued.cells


def test_only_a_posterior_search_has_a_start():
    with pytest.raises(db.UsageError, match="start = bottom: search = bisect"):
        prepare("elu", data="stroke_digits", start="bottom")
    with pytest.raises(db.UsageError, match="one of forecast, bottom"):
        prepare("elu", data="stroke_digits", search="posterior", start="top")


FOUND = Forecast(
    architecture="elu",
    data="stroke_digits",
    lr=0.05,
    k50=61.0000001,
    k90=50.0,
    low=40.0,
    high=90.0,
    limited_by="signal vanishes",
    signal=61.0,
    rate=None,
    threshold=(17.0, 18.0),
    deepest=100,
    measured=(AtDepth(3, (-math.inf,), (0.9,)),),
)


def engine_of(answer):
    """One that makes forecasts at once; `asked` holds their cells."""
    asked = []

    def forecast(cell):
        asked.append(cell)
        future = Future()
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return future

    return asked, OpenEngine(None, {}, 1, forecast, "")


def test_a_run_stores_what_was_forecast_once_for_cells_that_train_alike(tmp_path):
    run = prepare(
        ["elu", "elu_bn"],
        data="stroke_digits",
        search="posterior",
        cap=30,
        protocol=("standard", "notebook"),
        device="cpu",
        out=tmp_path,
    )
    asked, engine = engine_of(FOUND)
    begun = [run.cells[2].trial(3, 0)]
    found = with_forecasts(run, engine, begun)
    assert [cell.architecture for cell in asked] == ["elu", "elu_bn"]
    assert [c.forecast == EXPECTED for c in found.cells] == [True, True, False, True]
    assert found.shown_cells == found.cells
    stored = json.loads((tmp_path / "forecasts.json").read_text(encoding="utf-8"))
    assert list(stored) == [" / ".join(found.cells[i].key) for i in (0, 1, 3)]
    assert stored["elu / stroke_digits / standard"]["measured"][0]["nats"] == [None]
    again, engine = engine_of(FOUND)
    assert with_forecasts(found, engine, begun) == found and not again


def test_a_forecast_that_fails_costs_nothing_but_a_note(tmp_path, capsys):
    run = prepare("elu", data="stroke_digits", device="cpu", out=tmp_path)
    _, engine = engine_of(RuntimeError("the user's network fell over"))
    assert with_forecasts(run, engine, []) == run
    assert "no forecast: the user's network fell over" in capsys.readouterr().err


@pytest.mark.parametrize(
    "values", [{"tune_lr": 3}, {"search": "grid", "depths": (6, 6)}]
)
def test_nothing_is_forecast_where_a_depth_would_answer_nothing(values, tmp_path):
    run = prepare("elu", data="stroke_digits", device="cpu", out=tmp_path, **values)
    asked, engine = engine_of(FOUND)
    assert with_forecasts(run, engine, []) == run and not asked


def test_time_that_is_up_ends_a_forecast():
    with pytest.raises(TimeoutError, match="time for a forecast"):
        predict(CELL, ARCHITECTURES["elu"], TOY_SETS["toy"].load(None), until=-1.0)


def test_the_work_of_a_forecast_is_bounded(monkeypatch):
    """Untrained layers, times networks, that it looks at for all depths up to 300."""
    built = []

    def at(self, depth, seeds):
        built.extend(depth for _ in seeds)
        return AtDepth(depth, (-0.01 * depth,) * 4, (0.9,) * 4)

    monkeypatch.setattr(Untrained, "at", at)
    monkeypatch.setattr(predicting, "_closed_form", lambda *given: ())
    found = predict(CELL, ARCHITECTURES["elu"], TOY_SETS["toy"].load(None), probe=False)
    assert found.k50 is None and max(built) <= 300
    assert sum(built) <= 4 * 300 / (1 - 1 / predicting._RATIO)


@pytest.mark.slow
def test_a_whole_run_begins_at_its_forecast(tmp_path):
    db.measure(
        "tanh_naive",
        data="stroke_digits",
        search="posterior",
        cap=24,
        max_trials=3,
        epochs=1,
        workers=1,
        out=tmp_path,
        progress=False,
    )
    _, (cell,) = read_resolved(tmp_path / "study.toml")
    assert cell.forecast.limited_by == "signal vanishes"
    stored = json.loads((tmp_path / "forecasts.json").read_text(encoding="utf-8"))
    (full,) = stored.values()
    assert full["k50"] == cell.forecast.k50 and full["measured"]
    lines = (tmp_path / "trials.jsonl").read_text().splitlines()
    first = json.loads(lines[0])["spec"]["depth"]
    assert first == cell.grid.floor(round(cell.forecast.low))
