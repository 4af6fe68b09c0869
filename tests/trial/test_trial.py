"""One trial, on the built-in data: equal in every process, honest about failures."""

import math
import re
from dataclasses import replace

import pytest
import torch
from comparable import without_times
from toy import TOY_SETS, know_toy, toy_data

from depthbench import runtime
from depthbench.architectures.definition import Architecture
from depthbench.engine import LocalProcesses
from depthbench.plugins import load_architectures
from depthbench.record import Outcome, from_line, to_line
from depthbench.spec import TrialSpec
from depthbench.training.graphed import CaptureError
from depthbench.trial import TrialContext, run_trial
from depthbench.trial import run as trial
from depthbench.trial.network import build_network, num_weight_layers

SPEC = TrialSpec(
    architecture="elu_bn",
    depth=3,
    data="toy",
    seed=0,
    lr=0.05,
    epochs=4,
    batch_size=16,
)


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    trial._architectures.cache_clear()
    return TrialContext(data_dir=tmp_path)


@pytest.mark.slow
def test_two_processes_give_bit_equal_records(context):
    """Side by side, so that what one does cannot help the other."""
    with LocalProcesses(2, prepare=know_toy) as executor:
        futures = [executor.submit(run_trial, SPEC, context) for _ in range(2)]
        first, second = (future.result() for future in futures)
        executor.shutdown(cancel_futures=True)
    assert first.outcome.is_evidence, first.message
    assert without_times(first) == without_times(second)
    assert without_times(run_trial(SPEC, context)) == without_times(first)


def test_a_record_holds_what_was_promised(context):
    record = run_trial(SPEC, context)
    assert record.spec == SPEC
    assert record.outcome is Outcome.TRAINED, record.epochs[-1]
    assert record.num_steps == 4 * math.ceil(70 / 16)
    assert record.num_weight_layers == 4
    assert record.num_parameters == 1730
    assert record.data_sha256 == toy_data().sha256
    assert len(record.epochs) == 4
    assert all(epoch.test_error_batch_stats is not None for epoch in record.epochs)
    assert record.epochs[1].train_loss[0] < record.epochs[0].train_loss[0]
    assert record.seconds >= sum(epoch.seconds for epoch in record.epochs) > 0
    assert record.peak_memory_bytes > 10_000_000
    assert record.environment.torch == torch.__version__
    assert record.environment.num_threads == 1
    assert record.environment.tf32 is False
    assert from_line(to_line(record)) == record


@pytest.mark.parametrize("kind", [torch.OutOfMemoryError, RuntimeError])
def test_a_failed_capture_is_repeated_eagerly_in_a_new_process(
    context, monkeypatch, kind
):
    """The record's message says so, and nothing else in it differs."""
    right = run_trial(SPEC, context)

    def fails(*args):
        raise CaptureError(kind("while capturing"))

    with monkeypatch.context() as patch:
        patch.setattr(trial, "train", fails)
        with pytest.raises(runtime.ProcessUnusableError) as caught:
            run_trial(SPEC, context)
    again, (asked, changed) = caught.value.instead
    assert (again, asked) == (run_trial, SPEC)
    record = run_trial(SPEC, changed)
    assert "without a CUDA graph" in record.message
    assert f"{kind.__name__}: while capturing" in record.message
    assert without_times(replace(record, message=None)) == without_times(right)


def test_a_divergence_is_evidence_with_its_step(context):
    """A learning rate of 1e6 overflows within a few steps."""
    record = run_trial(replace(SPEC, architecture="elu", lr=1e6), context)
    assert record.outcome is Outcome.DIVERGED
    assert 0 < record.first_nonfinite_step == record.num_steps < 30
    assert record.epochs == ()
    assert record.message is None
    assert record.stopped_early == "non-finite loss"


def test_global_generators_are_left_as_they_were(context):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run_trial(replace(SPEC, epochs=1), context)
    assert torch.equal(torch.get_rng_state(), before)


HEAD = """\
import sys
import torch
from depthbench import architecture

@architecture("bad", lr=0.1)
def bad(depth, *, image_shape, num_classes, generator):
"""
BAD_NETWORKS = {
    "nn.Sequential(nn.Flatten(), nn.Linear(64, 7))": r"\(2, 7\), expected .*\(2, 10\)",
    "nn.Flatten()": r"\(2, 64\), expected .* \(2, 10\)",
    "1 / 0": r"^ZeroDivisionError: division by zero \(bad.py:8\)$",
    "sys.exit(3)": r"^SystemExit: 3 \(bad.py:8\)$",
    "nn.Sequential(nn.Flatten(), nn.Linear(60, 10))": r"^RuntimeError: mat1 and mat2 "
    r"shapes cannot .* \(in Linear\(.*; count the linear layer's inputs from image_sh",
    "nn.Sequential(nn.Conv2d(3, 4, 3))": r"to have 3 channels, but got 1 .* \(in Conv2d"
    r"\(.*; take as many channels as come in; the images have image_shape\[0\]$",
    "None": "^TypeError: the builder of bad returned a NoneType; return an nn.Module",
}


@pytest.mark.parametrize("network", BAD_NETWORKS)
def test_a_broken_network_is_no_evidence_and_says_where(context, tmp_path, network):
    path = tmp_path / "bad.py"
    path.write_text(f"{HEAD}    nn = torch.nn\n    return {network}\n")
    plugin_sha256 = load_architectures([path])["bad"].plugin_sha256
    spec = replace(SPEC, architecture="bad", plugin_sha256=plugin_sha256)
    record = run_trial(spec, replace(context, plugins=(path,)))
    assert record.outcome is Outcome.CRASHED
    assert re.search(BAD_NETWORKS[network], record.message), record.message


def test_a_network_may_reshape_as_users_do(context, tmp_path):
    """`view` needs the usual order of dimensions in memory, on every device."""
    path = tmp_path / "views.py"
    path.write_text(
        f"{HEAD}"
        "    class Views(torch.nn.Module):\n"
        "        def __init__(self):\n"
        "            super().__init__()\n"
        "            self.conv = torch.nn.Conv2d(1, 4, 3, padding=1)\n"
        "            self.linear = torch.nn.Linear(256, 10)\n"
        "        def forward(self, x):\n"
        "            return self.linear(self.conv(x).view(x.size(0), -1))\n"
        "    return Views()\n"
    )
    plugin_sha256 = load_architectures([path])["bad"].plugin_sha256
    spec = replace(SPEC, architecture="bad", plugin_sha256=plugin_sha256)
    record = run_trial(spec, replace(context, plugins=(path,)))
    assert record.outcome.is_evidence, record.message


@pytest.mark.parametrize("layer", ["BatchNorm2d(1)", "Dropout(0.5)"])
def test_who_claims_to_know_no_modes_must_not_use_them(context, tmp_path, layer):
    path = tmp_path / "modes.py"
    head = HEAD.replace("lr=0.1", "lr=0.1, has_train_mode=False")
    path.write_text(
        f"{head}    nn = torch.nn\n"
        f"    return nn.Sequential(nn.{layer}, nn.Flatten(), nn.Linear(64, 10))\n"
    )
    plugin_sha256 = load_architectures([path])["bad"].plugin_sha256
    spec = replace(SPEC, architecture="bad", plugin_sha256=plugin_sha256)
    record = run_trial(spec, replace(context, plugins=(path,)))
    assert record.outcome is Outcome.CRASHED
    assert "has_train_mode=False, but the logits of both modes" in record.message


def test_a_lost_device_is_for_a_new_process_to_try(context, monkeypatch):
    def train(*args):
        raise torch.AcceleratorError("an illegal memory access")

    monkeypatch.setattr("depthbench.trial.run.train", train)
    with pytest.raises(runtime.ProcessUnusableError, match="illegal memory access"):
        run_trial(SPEC, context)


def test_a_plugin_changed_since_the_study_began_is_no_evidence(context, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from depthbench import Stack\nmine = Stack(name='mine', activation='relu')\n"
    )
    spec = replace(SPEC, architecture="mine", plugin_sha256="0" * 64)
    record = run_trial(spec, replace(context, plugins=(path,)))
    assert record.outcome is Outcome.CRASHED
    assert "was changed" in record.message


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ],
)
def test_lack_of_memory_is_not_a_failed_training(context, monkeypatch, error):
    def train(*args):
        raise error

    monkeypatch.setattr("depthbench.trial.run.train", train)
    assert run_trial(SPEC, context).outcome is Outcome.OUT_OF_MEMORY


def test_layers_of_a_network_of_ones_own_are_counted():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Linear(4, 10)
    )
    item = Architecture(name="own", build=lambda *a, **k: net, lr=0.1)
    assert num_weight_layers(item, 17, net) == 2


@pytest.mark.gpu
def test_cuda_starts_from_the_same_weights_and_learns_the_same(context):
    data = toy_data()
    registry = load_architectures()
    on_gpu = replace(SPEC, device="cuda")
    pairs = zip(
        build_network(registry["elu_bn"], SPEC, data).parameters(),
        build_network(registry["elu_bn"], on_gpu, data).parameters(),
        strict=True,
    )
    assert all(torch.equal(one, other.cpu()) for one, other in pairs)
    cpu, gpu = run_trial(SPEC, context), run_trial(on_gpu, context)
    assert gpu.outcome is cpu.outcome
    assert gpu.epochs[0].train_loss == pytest.approx(cpu.epochs[0].train_loss, rel=0.02)


@pytest.mark.gpu
def test_cuda_attributes_a_divergence_to_the_step_the_cpu_does(context):
    spec = replace(SPEC, architecture="elu", lr=1e6)
    cpu = run_trial(spec, context)
    gpu = run_trial(replace(spec, device="cuda"), context)
    assert gpu.first_nonfinite_step == cpu.first_nonfinite_step
