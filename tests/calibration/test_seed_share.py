"""The share of a seed: recovered from simulated trials, and read from stored ones."""

import csv
import json
import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from places import ROOT

from depthbench.calibration.curves import Curve
from depthbench.calibration.seed_share import (
    SHARES,
    Alike,
    alike,
    estimate,
    log_likelihood,
)
from depthbench.calibration.seed_table import read_seeded, seed_share_rows
from depthbench.record import EpochRecord, Outcome, TrialRecord, to_line
from depthbench.spec import TrialSpec

COMMITTED = ROOT / "results" / "calibration"
NORMAL = NormalDist()


def seeded(rows):
    """Trials of one cell, given (depth, seed, trained)."""
    return pd.DataFrame(rows, columns=["depth", "seed", "trained"])


def simulated(share, generator, num_seeds=10, depths=(15, 21, 27, 33, 42)):
    """One cell: each seed at each depth, on a curve with k50 = 27."""
    curve = Curve(27, 0.2, 0.0)
    seeds = generator.standard_normal(num_seeds)
    trials = []
    for depth in depths:
        for seed in range(num_seeds):
            own = generator.standard_normal()
            luck = math.sqrt(share) * seeds[seed] + math.sqrt(1 - share) * own
            good = NORMAL.cdf(luck) < curve.success(depth)
            trials.append((depth, seed, good))
    return seeded(trials)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.9])
def test_a_known_share_is_found_and_its_interval_holds_it(share):
    """Three cells of 50 trials each; in the long run nine in ten intervals hold it."""
    generator = np.random.default_rng([5, int(10 * share)])
    found = [
        estimate(sum(log_likelihood(simulated(share, generator)) for _ in range(3)))
        for _ in range(6)
    ]
    assert sum(one.low <= share <= one.high for one in found) >= 4
    assert np.mean([one.share for one in found]) == pytest.approx(share, abs=0.15)
    assert all(one.low <= one.share <= one.high for one in found)
    assert np.mean([one.high - one.low for one in found]) < 0.6


def test_a_fall_with_depth_is_no_correlation():
    """All seeds train above k50 and none below: nothing is said of the seeds."""
    trials = seeded(
        (depth, seed, depth < 30) for depth in (6, 12, 24, 36, 48) for seed in range(6)
    )
    assert alike(trials) == Alike(60, 24, 24.0)
    likelihood = log_likelihood(trials)
    assert likelihood.max() - likelihood[0] < 1.5
    assert estimate(likelihood).low == 0


def test_the_likelihood_is_that_of_a_sum_over_seeds_and_curves():
    """Against a plain sum: two depths, two seeds, each state and node in turn."""
    from depthbench.curves.grid import CurveGrid, Prior

    trials = seeded([(24, 0, True), (30, 0, False), (24, 1, True)])
    place = 10
    share = float(SHARES[place])
    grid = CurveGrid.of(Prior(), 24, 30)
    nodes = np.linspace(-6, 6, 401)
    density = np.exp(-(nodes**2) / 2)
    density /= density.sum()
    chances = [grid.success(depth)[::4] for depth in (24, 30)]
    weights = grid.weights[::4]
    total = 0.0
    for row in range(weights.shape[0]):
        for column in range(weights.shape[1]):
            thresholds = [
                NORMAL.inv_cdf(min(max(c[row, column], 1e-12), 1 - 1e-12))
                for c in chances
            ]
            at = [
                np.array(
                    [
                        NORMAL.cdf((t + math.sqrt(share) * u) / math.sqrt(1 - share))
                        for u in nodes[::8]
                    ]
                )
                for t in thresholds
            ]
            coarse = density[::8] / density[::8].sum()
            total += weights[row, column] * (
                (coarse * at[0] * (1 - at[1])).sum() * (coarse * at[0]).sum()
            )
    assert log_likelihood(trials)[place] == pytest.approx(math.log(total), abs=1e-3)


def test_pairs_are_counted_by_hand():
    three = [(3, 0, True), (3, 1, True), (3, 2, False)]
    others = [(6, 0, True), (6, 1, False), (9, 5, False)]
    # Seeds 0 and 1 at 3 and 6: one ended alike. Dealt anew: (2 x 1 + 0 x 1) / 2.
    assert alike(seeded(three + others)) == Alike(2, 1, 1.0)
    assert alike(seeded(three)) == Alike(0, 0, 0.0)


# Stored trials.


def record_of(depth, seed, trained, **changes):
    spec = TrialSpec(
        **{
            "architecture": "elu",
            "depth": depth,
            "data": "mnist",
            "seed": seed,
            "lr": 0.05,
            "seeding": "seed",
        }
        | changes
    )
    error = 0.05 if trained else 0.9
    epoch = EpochRecord(
        train_loss=(1.0,),
        train_error=(error,),
        test_loss=(1.0,),
        test_error=(error,),
        seconds=1.0,
    )
    return TrialRecord(
        spec=spec,
        outcome=Outcome.TRAINED if trained else Outcome.STUCK,
        epochs=(epoch,) * 3,
        num_classes=10,
        finished_at="",
    )


def write(path, records):
    path.write_text("".join(map(to_line, records)))
    return path


def test_cells_are_recipes_and_a_trial_counts_once(tmp_path):
    twice = record_of(12, 0, True)
    one = write(
        tmp_path / "a.jsonl",
        [
            twice,
            record_of(24, 0, False),
            record_of(12, 1, True),
            record_of(24, 1, False, lr=0.01),
            record_of(24, 1, False, seeding="seed_and_depth"),
        ],
    )
    other = write(
        tmp_path / "b.jsonl",
        [
            twice,
            replace(twice, spec=replace(twice.spec, kernels="fused")),
            replace(record_of(30, 0, True), outcome=Outcome.CRASHED, epochs=()),
        ],
    )
    trials = read_seeded([one, other])
    assert trials.groupby(["seeding", "cell"]).size().to_dict() == {
        ("seed", "elu mnist lr=0.05"): 3,
        ("seed", "elu mnist lr=0.01"): 1,
        ("seed_and_depth", "elu mnist lr=0.05"): 1,
    }
    rows = seed_share_rows(trials)
    cell, everything, nothing = rows.itertuples(index=False)
    assert (cell.cell, cell.num_trials, cell.num_seeds) == ("elu mnist lr=0.05", 3, 2)
    assert (cell.num_pairs, cell.num_alike, cell.alike_if_independent) == (1, 0, 0.0)
    assert cell._replace(cell="all") == everything
    assert (nothing.num_trials, nothing.num_pairs) == (0, 0)
    assert (nothing.share_low, nothing.share_high) == (0, 0.96)


def test_a_damaged_line_is_named(tmp_path):
    path = write(tmp_path / "a.jsonl", [record_of(12, 0, True)])
    path.write_text(path.read_text() + '{"half": ')
    with pytest.raises(ValueError, match=r"a\.jsonl, line 2: "):
        read_seeded([path])


def test_the_command_writes_a_table_and_prints_it(call, tmp_path):
    records = [
        record_of(depth, seed, seed < 2 and depth < 40)
        for depth in (12, 24, 48)
        for seed in range(4)
    ]
    path = write(tmp_path / "trials.jsonl", records)
    arguments = ("calibrate", "--seeds-of", str(path), "--out", "c")
    code, out, err = call(*arguments)
    assert code == 0, err
    assert "| seed alone | 12 | 12 | 8 | 6.0 | " in out
    with (tmp_path / "c" / "seed_share.csv").open() as file:
        cell, everything = csv.DictReader(file)
    assert (cell["cell"], everything["cell"]) == ("elu mnist lr=0.05", "all")
    assert float(cell["share"]) > 0.5  # two seeds train twice, two never
    code, out, _ = call(*arguments, "--json")
    assert json.loads(out)[0]["num_pairs"] == 12
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["seed_share.csv"]


def test_the_committed_table_is_that_of_the_committed_trials():
    paths = sorted((COMMITTED / "shared_seeds").glob("*.jsonl"))
    with (COMMITTED / "seed_share.csv").open(encoding="utf-8") as file:
        stored = [row for row in csv.DictReader(file) if row["seeding"] == "seed"]
    for path in paths:
        assert len(read_seeded([path])), path
    every = read_seeded(paths)
    cells = dict(list(every[every["seeding"] == "seed"].groupby("cell")))
    for row in stored[:-1]:
        trials = cells[row["cell"]]
        assert len(trials) == int(row["num_trials"])
        assert alike(trials).num_alike == int(row["num_alike"])
    assert stored[-1]["cell"] == "all"
