"""What whole searches take: layers by simulation, seconds by a stored benchmark."""

import csv
import json
import math

import pandas as pd
import pytest
from places import GOLDEN

from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.bench.answer import STUDY, answer_rows
from depthbench.bench.measurement import COLUMNS
from depthbench.calibration.curves import Curve
from depthbench.calibration.frames import as_csv

MEASURED = {"tanh_glorot": (48, 480.0, 48.0), "elu_bn": (63, 1260.0, 63.0)}


def benchmark_of(measured=MEASURED):
    """10 and 1 ms a layer and step without BatchNorm, 20 and 1 with it."""
    rows = [
        ("step", name, depth, 256, side, 1, 1, 0, "ms_per_step", median)
        for name, (depth, *medians) in measured.items()
        for side, median in zip(("baseline", "fused"), medians, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture(scope="module")
def rows():
    found = answer_rows([Curve(30, 0.03)], benchmark_of(), num_searches=2)
    return {(row.strategy, row.truth): row for row in found.itertuples(index=False)}


@pytest.mark.slow
def test_each_strategy_answers_on_each_curve_and_the_study_is_their_sum(rows):
    names = [stack.name for stack in NOTEBOOK_STACKS]
    assert len(rows) == 2 * (1 + len(names) + 1)
    for strategy in ("bisect", "posterior"):
        study = rows[strategy, STUDY]
        mine = [rows[strategy, name] for name in names]
        for field in ("num_layers", "num_trials", "baseline_seconds"):
            total = sum(getattr(row, field) for row in mine)
            assert getattr(study, field) == pytest.approx(total)
        assert 0.5 < study.coverage <= 1


def test_seconds_are_layers_times_steps_of_the_network_most_like_it(rows):
    for name, baseline_ms in (("elu", 10), ("resnet", 20), ("resnet_nobn", 10)):
        row = rows["posterior", name]
        steps = 3 * 235
        assert row.baseline_seconds == pytest.approx(
            1e-3 * baseline_ms * steps * row.num_layers
        )
        assert row.depthbench_seconds == pytest.approx(1e-3 * steps * row.num_layers)
    assert math.isnan(rows["bisect", Curve(30, 0.03).name].baseline_seconds)


def test_the_posterior_reaches_its_precision_on_a_steep_curve(rows):
    steep = rows["posterior", Curve(30, 0.03).name]
    assert steep.precise == 1
    # 19 k50 in the calibration; a bisection costs no less there, and is less precise.
    assert 8 * 30 < steep.num_layers < 40 * 30
    assert rows["bisect", Curve(30, 0.03).name].precise < 1


@pytest.mark.slow
def test_without_a_benchmark_there_are_no_seconds_and_the_same_layers(rows):
    first = answer_rows([Curve(30, 0.03)], None, num_searches=2).iloc[0]
    assert first["num_layers"] == rows["bisect", first["truth"]].num_layers
    without = answer_rows([], None, num_searches=1)
    assert without["depthbench_seconds"].isna().all()
    assert as_csv(without).splitlines()[1].endswith(",,")


@pytest.mark.slow
def test_the_command_reads_the_benchmark_beside_its_table(call, tmp_path):
    arguments = ("bench", "--answer", "--searches", "1", "--out", "b")
    code, out, err = call(*arguments)
    assert code == 0, err
    assert "b has no bench.csv: no seconds" in err
    assert "| posterior | study | " in out
    benchmark_of().to_csv(tmp_path / "b" / "bench.csv", index=False)
    golden = GOLDEN
    code, out, err = call(*arguments, "--recorded", str(golden), "--json")
    assert code == 0, err
    assert "no seconds" not in err
    with (tmp_path / "b" / "answer.csv").open() as file:
        stored = list(csv.DictReader(file))
    assert len(json.loads(out)) == len(stored)
    assert "golden: elu_bn mnist standard" in {row["truth"] for row in stored}
    assert float(stored[-1]["baseline_seconds"]) > 0
