"""The figures: facts on the artists, and files that are the same bytes every time."""

import math
from collections import Counter
from dataclasses import replace
from functools import cache

import matplotlib as mpl
import numpy as np
import pytest
from fixtures.report.synthetic import World, cell, search
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from depthbench.record import Outcome
from depthbench.report.collect import study_result
from depthbench.report.figures import (
    FIGURES,
    curves_figure,
    depths_figure,
    errors_figure,
    render,
    success_figure,
)
from depthbench.report.figures.errors import DIVERGED_LEVEL, NO_EVIDENCE_LEVEL
from depthbench.report.figures.style import OUTCOME_MARKS, PAPER
from depthbench.report.results import StudyResult
from depthbench.spec import StudySpec

STUDY = StudySpec(
    name="made_up", arch=("net",), protocol=("standard", "notebook"), cap=192
)
CAUSES = (Outcome.DIVERGED, Outcome.STUCK, Outcome.COLLAPSED, Outcome.SLOW)
WORLD = World(limit=44, spread=0.6, causes=CAUSES, has_batchnorm=True)


def result_of(
    world: World = WORLD, *, study: StudySpec = STUDY, max_trials: int = 10_000
) -> StudyResult:
    cells = [
        cell(name, study=study, protocol=p, has_batchnorm=True, reference=(21, 24))
        for name in study.arch
        for p in study.protocol
    ]
    records = search(cells, lambda _: world, max_trials=max_trials)
    return study_result(study, cells, records)


RESULT = result_of()


@cache
def drawn(name: str) -> Figure:
    return FIGURES[name](RESULT)


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def points(axes: Axes) -> np.ndarray:
    found = [line.get_xydata() for line in labelled(axes, "trial")]
    return np.concatenate(found) if found else np.empty((0, 2))


def labelled(axes: Axes, label: str) -> list:
    return [
        artist for artist in (*axes.lines, *axes.patches) if artist.get_label() == label
    ]


def test_one_point_for_each_trial() -> None:
    shown = [len(points(axes)) for axes in panels(drawn("errors"))]
    assert shown == [len(cell.trials) for cell in RESULT.cells]


def test_points_stand_at_their_test_error_near_their_depth() -> None:
    for axes, one in zip(panels(drawn("errors")), RESULT.cells, strict=True):
        for (x, height), trial in zip(points(axes), one.trials, strict=True):
            assert abs(x - trial.depth) < 0.03 * axes.get_xlim()[1]
            if trial.outcome is not Outcome.DIVERGED:
                assert height == trial.record.epochs[-1].test_error[-1]


def test_the_diverged_stand_in_their_band() -> None:
    for axes, one in zip(panels(drawn("errors")), RESULT.cells, strict=True):
        diverged = sum(trial.outcome is Outcome.DIVERGED for trial in one.trials)
        assert diverged > 0
        assert sum(points(axes)[:, 1] == DIVERGED_LEVEL) == diverged
    first = panels(drawn("errors"))[0]
    names = [text.get_text() for text in first.get_yticklabels()]
    assert names[list(first.get_yticks()).index(DIVERGED_LEVEL)] == "diverged"


def test_failed_measurements_have_a_band_only_where_there_are_any() -> None:
    broken = replace(WORLD, broken={(12, 0): Outcome.TIMED_OUT})
    with_failed = panels(errors_figure(result_of(broken)))
    assert [sum(points(a)[:, 1] == NO_EVIDENCE_LEVEL) for a in with_failed] == [1, 1]
    assert panels(drawn("errors"))[0].get_ylim()[1] < NO_EVIDENCE_LEVEL


def test_outcomes_have_their_own_colour_and_shape() -> None:
    one = RESULT.cells[0]
    drawn_as = [
        (line.get_color(), line.get_marker())
        for line in labelled(panels(drawn("errors"))[0], "trial")
    ]
    assert drawn_as == [OUTCOME_MARKS[trial.outcome] for trial in one.trials]
    assert len(set(drawn_as)) == len({trial.outcome for trial in one.trials}) > 3
    assert len({mark.marker for mark in OUTCOME_MARKS.values()}) == len(OUTCOME_MARKS)


def test_seeds_of_one_depth_stand_side_by_side() -> None:
    figure = errors_figure(RESULT)
    figure.draw_without_rendering()
    for axes in panels(figure):
        places = [
            line.get_transform().transform(line.get_xydata())[0][0]
            for line in labelled(axes, "trial")
        ]
        assert len({round(place, 3) for place in places}) == len(places)


@pytest.mark.parametrize("threshold", [0.2, 0.05])
def test_threshold_and_chance_lines(threshold: float) -> None:
    result = result_of(study=replace(STUDY, threshold=threshold))
    for axes in panels(errors_figure(result)):
        (line,) = labelled(axes, "threshold")
        assert set(line.get_ydata()) == {threshold}
        (line,) = labelled(axes, "chance")
        assert set(line.get_ydata()) == {0.9}
    said = [text.get_text() for text in panels(errors_figure(result))[-1].texts]
    assert said == [f"threshold\n{100 * threshold:g} %", "chance\n90 %"]


@pytest.mark.parametrize("threshold", [0.85, 0.9, 0.95])
def test_threshold_near_chance_keeps_both_labels_readable(threshold: float) -> None:
    figure = errors_figure(result_of(study=replace(STUDY, threshold=threshold)))
    figure.draw_without_rendering()
    one, other = (text.get_window_extent() for text in panels(figure)[-1].texts)
    assert not one.overlaps(other)


@pytest.mark.parametrize("word", ["conv, ", "CONV-", "WM"])
@pytest.mark.parametrize("length", [5, 31, 39, 200])
def test_a_description_stays_on_the_sheet(word: str, length: int) -> None:
    words = (word * length)[:length].strip()
    cells = [cell("net", study=STUDY, description=words)]
    figure = depths_figure(study_result(STUDY, cells, ()))
    figure.draw_without_rendering()
    texts = {text.get_text(): text for text in figure.axes[0].texts}
    if length <= 40:
        assert words in texts
    assert all(text.get_window_extent().x0 >= 0 for text in texts.values())


def test_the_bracket_is_shaded() -> None:
    for axes, one in zip(panels(drawn("errors")), RESULT.cells, strict=True):
        (shade,) = labelled(axes, "bracket")
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == (
            one.trains,
            one.fails,
        )


def test_depths_show_answer_bracket_zone_and_reference() -> None:
    (axes,) = panels(drawn("depths"))
    dots, zones = labelled(axes, "trains"), labelled(axes, "zone")
    assert [d.get_xdata()[0] for d in dots] == [c.trains for c in RESULT.cells]
    assert [tuple(z.get_xdata()) for z in zones] == [
        c.disagreement for c in RESULT.cells
    ]
    brackets = labelled(axes, "bracket")
    assert [tuple(b.get_xdata()) for b in brackets] == [
        (c.trains, c.fails) for c in RESULT.cells
    ]
    (reference,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert list(reference.get_xdata()) == [21]
    assert reference.get_markerfacecolor() == PAPER
    assert len({(d.get_color(), d.get_marker()) for d in dots}) == 2


@pytest.mark.parametrize(
    ("limit", "text", "direction"), [(1000, "≥ 192", 1), (1, "< 3", -1)]
)
def test_a_censored_answer_has_an_arrow(
    limit: float, text: str, direction: int
) -> None:
    result = result_of(World(limit=limit))
    (axes,) = panels(depths_figure(result))
    arrows = [note for note in axes.texts if getattr(note, "arrow_patch", None)]
    assert [math.copysign(1, arrow.xyann[0]) for arrow in arrows] == [direction] * 2
    assert [note.get_text() for note in axes.texts].count(text) == 2


def test_an_unfinished_answer_is_hollow_and_says_so() -> None:
    result = result_of(max_trials=5, study=replace(STUDY, protocol=("standard",)))
    (axes,) = panels(depths_figure(result))
    (dot,) = labelled(axes, "trains")
    assert dot.get_markerfacecolor() == PAPER
    assert "≥ 6, unfinished" in [note.get_text() for note in axes.texts]


def test_a_line_for_each_trial_on_both_sides_of_the_bracket() -> None:
    pairs = panels(drawn("curves"))
    for axes, one in zip(pairs[::2], RESULT.cells, strict=True):
        expected = len(one.at_depth(one.trains)) + len(one.at_depth(one.fails))
        assert len(labelled(axes, "trial")) == expected
        (chance,) = labelled(axes, "chance")
        assert chance.get_ydata()[0] == pytest.approx(math.log(10))


def test_a_diverged_curve_ends_in_the_band() -> None:
    world = World(limit=20, spread=0.0, causes=(Outcome.DIVERGED,))
    result = result_of(world)
    one = result.cells[0]
    axes = panels(curves_figure(result))[1]
    (band,) = labelled(axes, "band")
    low, high = band.get_y(), band.get_y() + band.get_height()
    shown = [point for line in labelled(axes, "epochs") for point in line.get_xydata()]
    ends = Counter(int(x) for x, y in shown if low < y < high)
    assert ends == Counter(
        len(trial.record.epochs) + 1 for trial in one.at_depth(one.fails)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_files_are_the_same_bytes_every_time(name: str, kind: str) -> None:
    first, again = (render(FIGURES[name](RESULT), kind) for _ in range(2))
    assert first == again
    assert b"dc:date" not in first and b"Software" not in first


def test_text_in_svg_stays_text() -> None:
    assert b">deepest depth k that trains<" in render(depths_figure(RESULT), "svg")


def test_the_users_settings_neither_matter_nor_change() -> None:
    expected = render(depths_figure(RESULT), "svg")
    with mpl.rc_context({"axes.labelpad": 30, "svg.fonttype": "path"}):
        before = dict(mpl.rcParams)
        assert render(depths_figure(RESULT), "svg") == expected
        assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(
    "result",
    [
        result_of(max_trials=0),
        result_of(max_trials=1),
        result_of(World(limit=1, causes=(Outcome.DIVERGED,))),
        result_of(replace(WORLD, broken={(3, 0): Outcome.CRASHED})),
        result_of(replace(WORLD, num_heads=3)),
        result_of(study=replace(STUDY, protocol=("standard",), arch=("a", "b", "c"))),
        result_of(study=replace(STUDY, arch=("$x^{$", "<script>", "_" * 90))),
    ],
    ids=["empty", "one", "all diverged", "crashed", "heads", "grid", "hostile"],
)
def test_odd_studies_are_drawn(name: str, result: StudyResult) -> None:
    assert render(FIGURES[name](result), "svg").startswith(b"<svg")


@pytest.mark.slow
def test_no_font_is_too_small() -> None:
    for draw in FIGURES.values():
        figure = draw(RESULT)
        figure.draw_without_rendering()
        texts = figure.findobj(mpl.text.Text)
        assert min(text.get_fontsize() for text in texts if text.get_text()) >= 9


def test_shares_and_curve_are_those_of_the_trials() -> None:
    for axes, one in zip(panels(drawn("success")), RESULT.cells, strict=True):
        (shares,) = [c for c in axes.collections if c.get_label() == "shares"]
        at = {depth: [] for depth, _ in one.observations}
        for depth, trained in one.observations:
            at[depth].append(trained)
        expected = [(d, sum(at[d]) / len(at[d])) for d in sorted(at)]
        assert [tuple(point) for point in shares.get_offsets()] == expected
        sizes = shares.get_sizes()
        assert list(sizes / sizes.min()) == [
            len(at[d]) / min(map(len, at.values())) for d in sorted(at)
        ]
        (curve,) = labelled(axes, "curve")
        x, y = curve.get_data()
        assert one.fit is not None
        assert list(y) == list(one.fit.posterior.success_probability(x))
        (band,) = [c for c in axes.collections if c.get_label() == "band"]
        corners = band.get_paths()[0].vertices
        assert corners[:, 1].min() >= 0 and corners[:, 1].max() <= 1


@pytest.mark.parametrize("name", ["depths", "success"])
def test_the_interval_of_k50_is_drawn_to_its_ends(name: str) -> None:
    axes_of = panels(drawn(name))
    bars = [bar for axes in axes_of for bar in labelled(axes, "k50 interval")]
    assert [tuple(bar.get_xdata()) for bar in bars] == [
        (c.fit.k50.low, c.fit.k50.high) for c in RESULT.cells if c.fit
    ]


@pytest.mark.parametrize("limit", [1000, 1])
def test_an_interval_without_a_bound_leaves_the_panel(limit: float) -> None:
    result = result_of(World(limit=limit))
    for axes, one in zip(panels(success_figure(result)), result.cells, strict=True):
        (bar,) = labelled(axes, "k50 interval")
        assert len(labelled(axes, "k50 end")) == 1
        assert labelled(axes, "k50") == []
        assert one.fit is not None
        ends = (one.fit.k50.low, one.fit.k50.high)
        shown = bar.get_xdata()
        left, right = axes.get_xlim()
        assert list(shown) == [ends[0] or left, ends[1] or right]
