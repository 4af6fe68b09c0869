"""Pictures on request: first-layer filters and training histories."""

import base64
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures.report.synthetic import World, cell, record_of
from torch import nn

from depthbench.record import (
    FirstFilters,
    Outcome,
    TracePoint,
    TrialRecord,
    from_line,
    to_line,
)
from depthbench.report import write_report
from depthbench.report.collect import study_result
from depthbench.report.figures import PICTURES, render
from depthbench.report.figures.filters import mosaic, weights
from depthbench.report.figures.histories import accuracy_points
from depthbench.report.page import FIGURE_TITLES
from depthbench.report.pictured import pictured
from depthbench.report.results import StudyResult
from depthbench.spec import StudySpec, write_study
from depthbench.spec.choices import Picture
from depthbench.training.filters import first_filters

STUDY = StudySpec(
    name="pictures",
    arch=("plain", "residual"),
    seeds=3,
    pictures=("histories", "filters"),
)
KEPT = FirstFilters((2, 1, 2, 2), 0.5, base64.b64encode(bytes(range(8))).decode())


def record(architecture: str, depth: int, seed: int, outcome: Outcome) -> TrialRecord:
    spec = cell(architecture, study=STUDY).trial(depth, seed)
    made = record_of(spec, outcome, World(limit=30))
    points = [
        TracePoint(25 * n, 2.3 / n, 1.0) for n in range(1, made.num_steps // 25 + 1)
    ]
    return replace(made, trace=tuple(points), first_filters=KEPT)


def result(records: Sequence[TrialRecord], study: StudySpec = STUDY) -> StudyResult:
    return study_result(
        study, [cell(name, study=study) for name in study.arch], records
    )


TRAINED, STUCK, DIVERGED = Outcome.TRAINED, Outcome.STUCK, Outcome.DIVERGED
RECORDS = [
    *(record("plain", depth, seed, TRAINED) for depth in (3, 6) for seed in (0, 1)),
    *(record("plain", 9, seed, STUCK) for seed in (0, 1)),
    *(record("residual", depth, seed, STUCK) for depth in (3, 6) for seed in (0, 1)),
]


def test_the_deepest_that_trains_or_else_the_shallowest_stands_for_a_cell() -> None:
    plain, residual = pictured(result(RECORDS))
    assert [(trial.depth, trial.seed) for trial in plain.trials] == [(6, 0), (6, 1)]
    assert {trial.depth for trial in residual.trials} == {3}


def test_a_short_grid_is_pictured_at_every_depth() -> None:
    grid = replace(STUDY, search="grid", depths=(3, 9))
    labels = [one.label for one in pictured(result(RECORDS, grid))]
    plain = ["plain · k = 3", "plain · k = 6", "plain · k = 9"]
    assert labels == [*plain, "residual · k = 3", "residual · k = 6"]
    many = [record("plain", 3 * n, 0, TRAINED) for n in range(1, 6)]
    assert len(pictured(result(many, replace(grid, depths=(3, 15))))) == 1


def test_a_label_says_what_varies_and_no_more() -> None:
    labels = [one.label for one in pictured(result(RECORDS))]
    assert labels == ["plain · k = 6", "residual · k = 3"]
    same_depth = [one for one in RECORDS if one.spec.depth == 3]
    assert [one.label for one in pictured(result(same_depth))] == ["plain", "residual"]
    alone = [one for one in same_depth if one.spec.architecture == "plain"]
    assert [one.label for one in pictured(result(alone))] == ["plain · k = 3"]


def test_trials_that_say_nothing_are_not_pictured() -> None:
    broken = record_of(
        cell("plain", study=STUDY).trial(3, 0), Outcome.CRASHED, World(limit=30)
    )
    assert pictured(result([broken])) == []


@pytest.mark.parametrize("num_train", [60_000, 0])
def test_an_epoch_ends_at_its_last_step(num_train: int) -> None:
    """235 steps of 256 images are 60,000 of them; older records do not say so."""
    whole = replace(record("plain", 3, 0, TRAINED), num_train=num_train)
    points = accuracy_points(whole, STUDY.criterion_of("standard"))
    assert [steps for steps, _ in points] == [235, 470, 705]
    criterion = replace(STUDY.criterion_of("standard"), source="test")
    errors = [1 - accuracy for _, accuracy in accuracy_points(whole, criterion)]
    assert errors == pytest.approx([epoch.test_error[0] for epoch in whole.epochs])


def test_an_epoch_that_a_limit_cut_ends_where_it_was_cut() -> None:
    whole = record("plain", 3, 0, TRAINED)
    cut = replace(whole, num_steps=600, num_train=60_000)
    points = accuracy_points(cut, STUDY.criterion_of("standard"))
    assert [steps for steps, _ in points] == [235, 470, 600]


def test_every_training_has_its_lines() -> None:
    figure = PICTURES["histories"](result(RECORDS))
    loss, accuracy = figure.axes
    assert len(loss.lines) == 2 * 4
    assert len(accuracy.lines) == 8
    colors = {line.get_color() for line in loss.lines}
    assert len(colors) == 2
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [one.label for one in pictured(result(RECORDS))]


def test_the_loss_of_every_step_begins_before_the_first() -> None:
    steps = (2.3, 2.1, math.nan, 1.9)
    (line, _) = (
        PICTURES["histories"](result([replace(RECORDS[0], step_losses=steps)]))
        .axes[0]
        .lines
    )
    assert line.get_xdata().tolist() == [0, 1, 2, 3]
    assert line.get_ydata().tolist() == pytest.approx(list(steps), nan_ok=True)


@pytest.mark.parametrize(("highest", "scale"), [(5.0, "linear"), (1e9, "log")])
def test_no_loss_is_cut_off_and_one_that_blows_up_does_not_flatten_the_others(
    highest: float, scale: str
) -> None:
    wild = replace(record("plain", 3, 0, STUCK), step_losses=(highest, 2.3, math.inf))
    loss = PICTURES["histories"](result([wild])).axes[0]
    assert loss.get_yscale() == scale
    assert loss.get_ylim()[1] > highest


def test_ten_networks_have_ten_colours() -> None:
    names = tuple(f"net{place}" for place in range(10))
    study = replace(STUDY, arch=names)
    records = [record(name, 3, 0, TRAINED) for name in names]
    lines = PICTURES["histories"](result(records, study)).axes[1].lines
    assert len({line.get_color() for line in lines}) == 10


def test_filters_fill_a_square_with_gaps_between_them() -> None:
    bank = np.arange(5 * 3 * 2 * 2, dtype=np.float64).reshape(5, 3, 2, 2)
    image = mosaic(bank)
    assert image.shape == (2 * 3 - 1, 3 * 3 - 1, 3)
    first = bank[0].transpose(1, 2, 0)
    assert image[:2, :2] == pytest.approx((first - first.min()) / np.ptp(first))
    assert (image[2] == 1).all()
    assert (image[:, 2] == 1).all()


def test_a_filter_of_one_value_is_grey_and_other_channels_are_averaged() -> None:
    assert (mosaic(np.full((1, 3, 2, 2), 7.0)) == 0.5).all()
    two = np.zeros((1, 2, 1, 2))
    two[0, 0, 0] = (0.0, 4.0)
    assert mosaic(two)[0].tolist() == [[0.0] * 3, [1.0] * 3]


def test_filters_come_back_to_within_half_a_level() -> None:
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 3, 3))
    first = net[0].weight.detach().double().numpy()
    kept = first_filters(net, 3)
    assert kept is not None
    assert kept.shape == first.shape
    assert weights(kept) == pytest.approx(first, abs=0.51 * kept.largest / 127)


def test_only_a_finite_small_convolution_on_the_image_is_kept() -> None:
    assert first_filters(nn.Linear(4, 2), 3) is None
    assert first_filters(nn.Conv2d(4, 2, 3), 3) is None
    assert first_filters(nn.Conv2d(3, 2, 13), 3) is None
    many = first_filters(nn.Conv2d(3, 100, 1), 3)
    assert many is not None
    assert many.shape[0] == 64
    for bad in (math.nan, math.inf):
        net = nn.Conv2d(3, 2, 3)
        with torch.no_grad():
            net.weight[1, 0, 0, 0] = bad
        assert first_filters(net, 3) is None


def test_filters_and_images_survive_a_line() -> None:
    said = replace(RECORDS[0], num_train=49_000)
    assert from_line(to_line(said)) == said
    plain = replace(said, num_train=0, first_filters=None)
    assert "num_train" not in to_line(plain)
    assert "first_filters" not in to_line(plain)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("records", [[], RECORDS, RECORDS[:1]], ids=len)
def test_pictures_are_the_same_bytes_every_time(
    name: Picture, records: list[TrialRecord]
) -> None:
    once, again = (
        render(PICTURES[name](result(records)), kind="svg") for _ in range(2)
    )
    assert once == again


def page_of(folder: Path, study: StudySpec) -> str:
    folder.mkdir()
    cells = [cell(name, study=study) for name in study.arch]
    (folder / "study.toml").write_text(write_study(study, cells))
    (folder / "trials.jsonl").write_text("".join(map(to_line, RECORDS)))
    return write_report(folder).page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_grid_of_one_depth_claims_no_limit(tmp_path: Path) -> None:
    grid = replace(STUDY, search="grid", depths=(6, 6))
    alone = page_of(tmp_path / "alone", grid)
    assert "How well does each network train at depth 6?" in alone
    sections = ("chance", "curves", "criteria")
    assert not any(f'id="{name}"' in alone for name in sections)
    assert "How deep can" not in alone and "The shaded strip" not in alone
    several = page_of(tmp_path / "several", replace(grid, depths=(3, 9)))
    assert all(f'id="{name}"' in several for name in sections)
    for study, has_fit in ((grid, False), (replace(grid, depths=(3, 9)), True)):
        cells = [cell(name, study=study) for name in study.arch]
        fits = [found.fit for found in study_result(study, cells, RECORDS).cells]
        assert any(fit is not None for fit in fits) is has_fit


@pytest.mark.slow
@pytest.mark.parametrize("depths", [(6, 6), (3, 9)])
def test_figures_are_numbered_without_a_gap(
    depths: tuple[int, int], tmp_path: Path
) -> None:
    study = replace(STUDY, search="grid", depths=depths)
    page = page_of(tmp_path / "page", study)
    captions = [int(each) for each in re.findall(r"<b>Figure (\d+)\.", page)]
    regions = [int(each) for each in re.findall(r'aria-label="Figure (\d+)"', page)]
    assert captions == regions == list(range(1, 1 + page.count("<figure>")))


@pytest.mark.slow
def test_the_page_shows_what_was_asked_for_only(tmp_path: Path) -> None:
    pages = {}
    for asked in ((), ("filters",), ("histories", "filters")):
        folder = tmp_path / str(len(asked))
        pages[asked] = page_of(folder, replace(STUDY, pictures=asked))
        drawn = {path.stem for path in (folder / "figures").glob("*.png")}
        assert drawn & set(PICTURES) == set(asked)
    for asked, page in pages.items():
        for name in PICTURES:
            assert (FIGURE_TITLES[name] in page) == (name in asked)
