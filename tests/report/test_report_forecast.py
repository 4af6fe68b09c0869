"""Forecasts beside the measured depths, in files and where people read them."""

from dataclasses import replace

import pytest
from fixtures.report.synthetic import World, cell, search

from depthbench.report import study_markdown
from depthbench.report.collect import study_result
from depthbench.report.depth_columns import depths_table
from depthbench.report.figures import depths_figure
from depthbench.spec import ForecastDepth, StudySpec

STUDY = StudySpec(name="made_up", arch=("net",), cap=48)
EXPECTED = ForecastDepth(
    k50=24.123, low=16.0, high=36.0, limited_by="signal vanishes", deepest=48
)
NONE_FOUND = ForecastDepth(limited_by="none found", deepest=48)


def result_with(forecast, protocols=("standard",)):
    net = replace(cell("net", study=STUDY), forecast=forecast)
    records = search([net], lambda _: World(limit=20, spread=0.2))
    return study_result(STUDY, [replace(net, protocol=p) for p in protocols], records)


def test_files_have_the_forecast_beside_what_was_measured():
    (row,) = depths_table(result_with(EXPECTED)).dicts
    names = ("forecast_low", "forecast", "forecast_high", "forecast_limit")
    assert [row[name] for name in names] == [16.0, 24.12, 36.0, "signal vanishes"]
    (row,) = depths_table(result_with(None)).dicts
    assert [row[name] for name in names] == [None] * 4


def test_the_figure_shows_it_below_the_answer():
    def drawn(forecast):
        axes = depths_figure(result_with(forecast)).axes[0]
        return [
            float(line.get_xdata()[0])
            for line in axes.get_lines()
            if line.get_label() == "forecast"
        ]

    assert drawn(EXPECTED) == [24.123]
    assert drawn(None) == drawn(NONE_FOUND) == []


@pytest.mark.parametrize(
    ("forecast", "text"),
    [(EXPECTED, "24 (16 to 36)"), (NONE_FOUND, "none up to 48"), (None, None)],
)
@pytest.mark.parametrize("protocols", [("standard",), ("standard", "notebook")])
def test_people_read_it_where_there_is_one(forecast, text, protocols):
    table = study_markdown(result_with(forecast, protocols))
    assert ("| forecast |" in table) is (forecast is not None)
    assert text is None or f"| {text} |" in table
