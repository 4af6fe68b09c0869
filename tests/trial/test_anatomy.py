"""What a trial keeps of its network: at its start, at its end, before a divergence."""

import math
from dataclasses import replace

import pytest
import torch
from toy import TOY_SETS

from depthbench.record import from_line, to_line
from depthbench.spec import TrialSpec
from depthbench.training.last_weights import LastWeights
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial

SPEC = TrialSpec(
    architecture="elu_bn", depth=6, data="toy", seed=0, lr=0.05, epochs=2, batch_size=32
)


@pytest.fixture(autouse=True)
def _toy(monkeypatch, tmp_path):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    trial._loaded.cache_clear()
    yield
    trial._loaded.cache_clear()


def record_of(spec, tmp_path):
    return run_trial(spec, TrialContext(data_dir=tmp_path))


def test_a_trial_keeps_a_profile_of_its_start_and_its_end(tmp_path):
    record = record_of(SPEC, tmp_path)
    assert record.profile_start.num_layers == (1, 2, 3, 4, 5, 6)
    assert record.profile_start != record.profile_end
    assert from_line(to_line(record)) == record


def test_profiles_change_no_number_of_a_training(tmp_path, monkeypatch):
    record = record_of(SPEC, tmp_path)
    monkeypatch.setattr(trial, "_profile", lambda net, data: None)
    monkeypatch.setattr(LastWeights, "keep", lambda self: None)
    without = record_of(SPEC, tmp_path)
    assert without.profile_start is None and '"profile_' not in to_line(without)
    losses = [[(e.train_loss, e.test_loss, e.test_error_batch_stats) for e in r.epochs]
              for r in (record, without)]  # fmt: skip
    assert losses[0] == losses[1] and record.trace == without.trace


def test_after_a_divergence_the_last_finite_weights_are_looked_at(tmp_path):
    record = record_of(replace(SPEC, architecture="elu", lr=1e4, epochs=4), tmp_path)
    assert record.first_nonfinite_step is not None
    end = record.profile_end
    assert all(map(math.isfinite, (*end.deviation, *end.correlation)))
    assert end.deviation[-1] > 10 * record.profile_start.deviation[-1]


def test_weights_are_those_before_the_bad_step():
    net = torch.nn.Linear(1, 1, bias=False)
    last = LastWeights(net)

    def steps(number):
        for step in range(number):
            last.keep()
            with torch.no_grad():
                net.weight.fill_(step + 1)  # the weights of step n are n

    with torch.no_grad():
        net.weight.fill_(0)
    steps(5)
    last.put_back(4)  # its loss was bad: those of step 3 were the last good ones
    assert net.weight.item() == 3
    last = LastWeights(net)
    steps(5)
    last.put_back(5)  # all losses were good, the update after step 4 was not
    assert net.weight.item() == 4
