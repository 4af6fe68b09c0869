"""Trials given at once: together as replicas, fewer at a time, or one by one."""

from dataclasses import replace

import pytest
import torch
from test_trial import HEAD, without_times
from toy import TOY_SETS

from depthbench import runtime
from depthbench.kernels import reference
from depthbench.plugins import load_architectures
from depthbench.record import Outcome
from depthbench.spec import TrialSpec
from depthbench.training import replicas
from depthbench.training.graphed import CaptureError
from depthbench.trial import TrialContext, network, run_trial, run_trials
from depthbench.trial import run as trial

SPEC = TrialSpec(
    architecture="elu_bn", depth=3, data="toy", seed=0, lr=0.05, epochs=2, batch_size=16
)
RATES = (0.05, 0.1, 1e30, 0.02, 1.0)
SPECS = tuple(
    replace(SPEC, seed=seed, lr=lr, kernels="fused") for seed, lr in enumerate(RATES)
)
LOOPED = replicas.one_by_one(reference.conv_blocks)


def either(signal, blocks, pool):
    """Reference kernels that know replicas."""
    kernels = LOOPED if signal.dim() == 5 else reference.conv_blocks
    return kernels(signal, blocks, pool)


@pytest.fixture
def sizes(monkeypatch):
    """Replicas of each training, which a CPU learns here to train."""
    seen = []
    train_replicas = trial.train_replicas

    def spy(net, data, specs, orders, run):
        seen.append(len(specs))
        return train_replicas(net, data, specs, orders, run)

    monkeypatch.setattr(TrialSpec, "knows_replicas", property(lambda spec: True))
    monkeypatch.setattr(trial, "train_replicas", spy)
    monkeypatch.setattr(network, "conv_blocks_of", lambda kernels, device: either)
    monkeypatch.setattr(replicas, "batched_linear", replicas.linear_one_by_one)
    return seen


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    trial._architectures.cache_clear()
    return TrialContext(data_dir=tmp_path)


def alone(specs, context):
    return [without_times(run_trial(spec, context)) for spec in specs]


def test_records_equal_those_of_trials_alone(context, sizes):
    began = runtime.monotonic_seconds()
    records = run_trials(SPECS, context)
    took = runtime.monotonic_seconds() - began
    assert sum(record.seconds for record in records) <= took
    assert sizes == [5]
    assert [without_times(record) for record in records] == alone(SPECS, context)
    assert records[2].outcome is Outcome.DIVERGED
    assert all(r.seconds >= sum(e.seconds for e in r.epochs) for r in records)


def test_reference_kernels_train_one_by_one(context):
    specs = [replace(spec, kernels="reference") for spec in SPECS]
    records = run_trials(specs, context)
    assert [without_times(record) for record in records] == alone(specs, context)


@pytest.mark.parametrize(
    ("fit", "tried"), [(4, [5, 2, 2]), (3, [5, 2, 2]), (2, [5, 2, 2]), (1, [5, 2])]
)
def test_without_memory_for_all_half_are_trained_at_a_time(
    context, sizes, monkeypatch, fit, tried
):
    train_replicas = trial.train_replicas

    def limited(net, data, specs, orders, run):
        if len(specs) > fit:
            sizes.append(len(specs))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return train_replicas(net, data, specs, orders, run)

    monkeypatch.setattr(trial, "train_replicas", limited)
    records = run_trials(SPECS, context)
    assert sizes[: len(tried)] == tried
    assert [without_times(record) for record in records] == alone(SPECS, context)


def test_a_trial_for_which_there_is_no_memory_even_alone(context, sizes, monkeypatch):
    def exhausted(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trial, "train", exhausted)
    monkeypatch.setattr(trial, "train_replicas", exhausted)
    records = run_trials(SPECS[:3], context)
    assert [record.spec for record in records] == list(SPECS[:3])
    assert all(record.outcome is Outcome.OUT_OF_MEMORY for record in records)


def capture_error(kind):
    return CaptureError(kind("while capturing"))


def test_a_capture_that_lacked_memory_is_tried_in_a_new_process_with_half(
    context, sizes, monkeypatch
):
    """All the trials, even those of the process that had got a record."""
    train_replicas = trial.train_replicas

    def fails(net, data, specs, orders, run):
        if specs[0].seed == 2:
            raise capture_error(torch.OutOfMemoryError)
        return train_replicas(net, data, specs, orders, run)

    monkeypatch.setattr(trial, "train_replicas", fails)
    with pytest.raises(runtime.ProcessUnusableError) as caught:
        run_trials(SPECS, replace(context, max_replicas=2))
    assert sizes == [2]
    assert caught.value.instead == (
        run_trials,
        (SPECS, replace(context, max_replicas=1)),
    )


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, RuntimeError])
def test_a_capture_that_fails_alone_is_tried_eagerly_and_said(
    context, monkeypatch, kind
):
    """In the record's message, and nowhere else in it."""
    right = run_trial(SPEC, context)

    def fails(*args):
        raise capture_error(kind)

    with monkeypatch.context() as patch:
        patch.setattr(trial, "train", fails)
        for function, argument in ((run_trial, SPEC), (run_trials, (SPEC,))):
            with pytest.raises(runtime.ProcessUnusableError) as caught:
                function(argument, context)
            again, (asked, changed) = caught.value.instead
            assert (again, asked) == (function, argument)
    record = run_trial(SPEC, changed)
    assert "without a CUDA graph" in record.message
    assert f"{kind.__name__}: while capturing" in record.message
    assert without_times(replace(record, message=None)) == without_times(right)


def test_users_networks_are_trained_one_by_one(context, sizes, tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        f"{HEAD}    nn = torch.nn\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    sha256 = load_architectures([path])["bad"].plugin_sha256
    specs = [
        replace(spec, architecture="bad", plugin_sha256=sha256) for spec in SPECS[:2]
    ]
    context = replace(context, plugins=(path,))
    records = run_trials(specs, context)
    assert sizes == []
    assert [without_times(record) for record in records] == alone(specs, context)


def test_an_architecture_that_is_gone_fails_every_trial(context, sizes):
    specs = [replace(spec, architecture="gone") for spec in SPECS[:2]]
    records = run_trials(specs, context)
    assert [record.outcome for record in records] == [Outcome.CRASHED] * 2
    assert "unknown architecture" in records[0].message


@pytest.mark.gpu
def test_cuda_replicas_end_as_trials_alone_do(context):
    """With the fused kernels, whose sums may round otherwise beside others."""
    specs = [replace(spec, device="cuda") for spec in SPECS]
    records = run_trials(specs, context)
    for record, spec in zip(records, specs, strict=True):
        right = run_trial(spec, context)
        assert record.message is None
        assert record.outcome is right.outcome
        assert record.first_nonfinite_step == right.first_nonfinite_step
        for epoch, expected in zip(record.epochs, right.epochs, strict=True):
            assert epoch.train_loss == pytest.approx(expected.train_loss, rel=0.02)
