"""The figure of profiles: two sides of the bracket, before and after training."""

import math
from dataclasses import replace

import pytest
from fixtures.report.synthetic import World, cell, search

from depthbench.record import Profile
from depthbench.report.collect import study_result
from depthbench.report.figures.profiles import has_profiles, profiles_figure
from depthbench.report.figures.style import render
from depthbench.spec import StudySpec

STUDY = StudySpec(name="made_up", arch=("net",), protocol=("standard",), cap=192)


def profile(*gradient):
    ones = (1.0,) * len(gradient)
    layers = tuple(range(1, len(gradient) + 1))
    return Profile(
        num_layers=layers, deviation=ones, gradient=gradient, correlation=ones
    )


def result_of(start, end=None, study=STUDY):
    cells = [cell("net", study=study, protocol="standard")]
    records = search(cells, lambda _: World(limit=44))
    kept = [replace(r, profile_start=start, profile_end=end) for r in records]
    return study_result(study, cells, kept)


def gradients(axes):
    return [list(map(float, line.get_ydata())) for line in axes.lines[::2]]


def test_each_side_has_its_gradient_relative_to_the_last_block():
    result = result_of(profile(1.0, 2.0, 4.0), profile(8.0, 4.0, 2.0))
    figure = profiles_figure(result)
    (found,) = result.cells
    sides = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert sides == [f"k = {found.trains} trains", f"k = {found.fails} fails"]
    for axes in figure.axes:
        assert gradients(axes) == [[0.25, 0.5, 1.0], [4.0, 2.0, 1.0]]
        low, high = map(math.log10, axes.get_ylim())
        assert low == pytest.approx(round(low)) and high == pytest.approx(round(high))


def test_only_trials_that_kept_a_profile_are_drawn():
    assert not has_profiles(result_of(None))
    assert has_profiles(result_of(profile(1.0, 1.0)))
    figure = profiles_figure(result_of(None))
    shown = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert shown == ["none that trains", "none that fails"]


@pytest.mark.parametrize(
    "gradient",
    [
        (0.0, 0.0),
        (0.0, 1.0),
        (1.0, 0.0),
        (math.inf, 1.0),
        (1.0, math.nan),
        (1e300, 1e-300),
    ],
)
def test_a_profile_that_left_the_numbers_is_drawn(gradient):
    assert render(profiles_figure(result_of(profile(*gradient))), "svg")
