"""The second implementation: its own weights and order; its table; the command."""

import csv
import itertools
import json
import math
from pathlib import Path

import pytest
import torch
import toy

from depthbench import datasets
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.architectures.stack import stack_of
from depthbench.bench import baseline, driver, witness
from depthbench.bench.witness import WitnessPlan, train_baseline, train_depthbench
from depthbench.bench.witness_table import fisher_p, read_trainings, witness_rows
from depthbench.record import Outcome, TrialRecord
from depthbench.spec import TrialSpec
from depthbench.trial import run as trial

STACKS = tuple(stack.name for stack in NOTEBOOK_STACKS)


@pytest.fixture(autouse=True)
def on_toy(monkeypatch):
    for module in (trial, datasets, witness):
        monkeypatch.setattr(module, "DATASETS", toy.TOY_SETS)
    trial._loaded.cache_clear()
    yield
    trial._loaded.cache_clear()


def spec_of(name="elu", depth=3, **changes):
    return TrialSpec(
        **{
            "architecture": name,
            "depth": depth,
            "data": "toy",
            "seed": 0,
            "lr": 0.05,
            "epochs": 40,
            "batch_size": 16,
        }
        | changes
    )


# The baseline trains by itself.


@pytest.mark.parametrize("name", STACKS)
def test_weights_have_the_deviation_of_the_stack_and_no_bias(name):
    torch.manual_seed(0)
    stack = stack_of(ARCHITECTURES[name])
    model = baseline.Net(stack, 60, (1, 28, 28), 10)
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 60
    for channels in (4, 8, 16):
        weights = [
            m.weight.flatten()
            for m in convolutions
            if m.in_channels == m.out_channels == channels
        ]
        expected = {
            "normal_0.05": 0.05,
            "fan_in": math.sqrt(1 / (9 * channels)),
            "fan_out": math.sqrt(1 / (9 * channels)),
        }[stack.initializer]
        assert torch.cat(weights).std().item() == pytest.approx(expected, rel=0.06)
    assert all((m.bias == 0).all() for m in convolutions)
    bound = 1 / math.sqrt(144)
    head = model.heads[-1].weight
    assert head.abs().max() <= bound
    assert head.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)


def test_fan_in_and_fan_out_differ_where_channels_do():
    conv = torch.nn.Conv2d(4, 8, 3)
    assert baseline.sigma("fan_in", conv) == pytest.approx(1 / 6)
    assert baseline.sigma("fan_out", conv) == pytest.approx(1 / math.sqrt(72))


def test_a_seed_repeats_and_another_does_not():
    errors = [
        train_baseline(spec_of(seed=seed, epochs=1), Path()).train_error
        for seed in (3, 3, 4, 5)
    ]
    assert errors[0] == errors[1]
    assert len(set(errors[1:])) > 1


@pytest.mark.slow
@pytest.mark.parametrize("train", [train_baseline, train_depthbench])
def test_both_implementations_train_what_is_easy_and_diverge_where_it_is_not(train):
    good = train(spec_of(), Path())
    assert good.trained
    assert min(good.train_error, good.test_error) < 0.2
    stuck = train(spec_of(lr=1e-9, epochs=2), Path())
    assert not stuck.trained
    assert min(stuck.train_error, stuck.test_error) > 0.5
    diverged = train(spec_of(lr=1e30), Path())
    assert (diverged.trained, diverged.train_error, diverged.test_error) == (
        False,
        None,
        None,
    )
    assert good.key != stuck.key != diverged.key


def test_a_test_error_alone_is_enough_to_count_as_trained(monkeypatch):
    monkeypatch.setattr(baseline, "train", lambda *_: (1.0, 0.7))
    monkeypatch.setattr(baseline, "test", lambda *_: (1.0, 0.81))
    assert train_baseline(spec_of(), Path()).trained
    monkeypatch.setattr(baseline, "test", lambda *_: (1.0, 0.79))
    assert not train_baseline(spec_of(), Path()).trained


# The table.


def brute_force_p(first, num_first, second, num_second):
    """Every assignment of the successes to the trainings is equally likely."""
    total, successes = num_first + num_second, first + second
    counts = [
        sum(place < num_first for place in chosen)
        for chosen in itertools.combinations(range(total), successes)
    ]
    here = counts.count(first)
    return sum(counts.count(c) <= here for c in counts) / len(counts)


@pytest.mark.parametrize(
    "table", [(0, 5, 5, 5), (2, 5, 3, 6), (1, 4, 4, 6), (0, 4, 0, 6), (3, 3, 1, 8)]
)
def test_the_p_value_is_that_of_all_assignments(table):
    assert fisher_p(*table) == pytest.approx(brute_force_p(*table))


def test_known_p_values():
    """Fisher's lady tasting tea, and no evidence at all."""
    assert fisher_p(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher_p(0, 0, 3, 12) == 1


def training_of(name, depth, trained, seed):
    one = train_baseline(spec_of(epochs=1, lr=1e-9), Path())
    return one._replace(implementation=name, depth=depth, trained=trained, seed=seed)


@pytest.mark.slow
def test_a_row_counts_each_side_at_each_depth():
    given = [
        training_of(name, depth, trained=seed < good, seed=seed)
        for name, depth, good in (
            ("baseline", 6, 3),
            ("baseline", 3, 5),
            ("depthbench", 3, 4),
            ("depthbench", 6, 0),
        )
        for seed in range(5)
    ]
    shallow, deep = witness_rows(given).itertuples()
    assert (shallow.depth, shallow.baseline_trained, shallow.depthbench_trained) == (
        3,
        5,
        4,
    )
    assert (deep.baseline_trained, deep.baseline_total) == (3, 5)
    assert (deep.depthbench_trained, deep.depthbench_total) == (0, 5)
    assert deep.fisher_p == pytest.approx(fisher_p(3, 5, 0, 5))
    [half_done] = witness_rows(given[:5]).itertuples()
    assert (half_done.depthbench_total, half_done.fisher_p) == (0, 1)


def test_an_architecture_without_a_second_form_is_refused():
    with pytest.raises(ValueError, match="only those of the notebook are written"):
        WitnessPlan(architecture="preresnet")
    with pytest.raises(ValueError, match="nearest: 21 and 24"):
        WitnessPlan(depths=(22,))


# The command.


@pytest.fixture
def ask(call, monkeypatch):
    """Run `depthbench witness` on the toy set, in this process alone."""
    monkeypatch.setattr(driver, "LocalProcesses", toy.Inline)
    flags = ("--data", "toy", "--depth", "3", "--seeds", "2", "--out", "w")
    return lambda *more: call("witness", *flags, *more)


def test_every_training_is_stored_once_and_the_same_command_goes_on(
    ask, monkeypatch, tmp_path
):
    def interrupted(spec, data_dir):
        if spec.seed == 1:
            raise KeyboardInterrupt
        return train_depthbench(spec, data_dir)

    monkeypatch.setitem(witness._TRAIN, "depthbench", interrupted)
    code, out, err = ask()
    assert (code, out) == (130, "")
    assert "the same command goes on" in err
    assert len(read_trainings(tmp_path / "w" / "trainings.csv")) == 3
    assert not (tmp_path / "w" / "witness.csv").exists()

    monkeypatch.undo()
    monkeypatch.setattr(driver, "LocalProcesses", toy.Inline)
    for module in (trial, datasets, witness):
        monkeypatch.setattr(module, "DATASETS", toy.TOY_SETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(witness._TRAIN, "baseline", None)  # all of them are stored
    code, out, err = ask()
    assert code == 0, err
    assert "4 of 4: depthbench, elu k=3, seed 1: " in err
    assert "| elu | toy | 3 | " in out
    stored = read_trainings(tmp_path / "w" / "trainings.csv")
    assert sorted((each.implementation, each.seed) for each in stored) == [
        ("baseline", 0),
        ("baseline", 1),
        ("depthbench", 0),
        ("depthbench", 1),
    ]
    with (tmp_path / "w" / "witness.csv").open() as file:
        [row] = csv.DictReader(file)
    assert (row["baseline_total"], row["depthbench_total"]) == ("2", "2")
    code, out, err = ask("--json", "--seeds", "1")
    assert json.loads(out)[0]["baseline_total"] == 1


def test_a_failed_measurement_is_not_stored(ask, monkeypatch, tmp_path):
    def crashed(spec, context):
        del context
        return TrialRecord(
            spec=spec, outcome=Outcome.CRASHED, message="no room", finished_at=""
        )

    monkeypatch.setattr(witness, "run_trial", crashed)
    code, out, err = ask()
    assert (code, out) == (1, "")
    assert "elu k=3, seed 0: crashed: no room" in err
    stored = read_trainings(tmp_path / "w" / "trainings.csv")
    assert [each.implementation for each in stored] == ["baseline"]


@pytest.mark.slow
def test_real_processes_take_the_trainings(monkeypatch, tmp_path):
    monkeypatch.setattr(driver, "prepare", lambda_free_prepare)
    plan = WitnessPlan(depths=(3,), num_seeds=1, data="toy")
    found = witness.run_witness(plan, tmp_path, tmp_path, lambda _: None)
    assert {each.implementation for each in found} == {"baseline", "depthbench"}


def lambda_free_prepare(side, num_threads):
    del side, num_threads
    toy.know_toy()
    witness.DATASETS = toy.TOY_SETS


def test_wrong_flags_are_told_of(ask, tmp_path):
    code, _, err = ask("--arch", "nothing")
    assert code == 2
    assert "nothing" in err
    code, _, err = ask("--depth", "4")
    assert code == 2
    assert "nearest: 3 and 6" in err
    (tmp_path / "w").mkdir(exist_ok=True)
    (tmp_path / "w" / "trainings.csv").write_text("a,b\n1,2\n")
    code, _, err = ask()
    assert code == 2
    assert "its columns are a, b; move it away" in err
