"""Which kernels a trial gets, what a user is told, and whole trials with either."""

import json
import math
import mmap
import shutil
import sys
from dataclasses import replace

import pytest
import torch
from op_recorder import OpRecorder
from toy import TOY_SETS, know_toy

from depthbench import cli
from depthbench.architectures import ARCHITECTURES
from depthbench.architectures.stack import Stack, stack_of
from depthbench.datasets import DATASETS
from depthbench.engine import LocalProcesses
from depthbench.kernels import compiled, cpu, memory
from depthbench.kernels.memory import Memory
from depthbench.plugins import load_architectures
from depthbench.record import Outcome, TrialRecord
from depthbench.registry import Registry
from depthbench.spec import StudySpec, TrialSpec, read_cells
from depthbench.store import read_records
from depthbench.study.resolve import resolve_cells, unfused
from depthbench.trial import TrialContext, run_trial, self_check
from depthbench.trial import run as trial

needs_library = pytest.mark.skipif(
    compiled.missing() is not None, reason=str(compiled.missing())
)
STACKS = [
    name
    for name, item in ARCHITECTURES.entries.items()
    if stack_of(item) and unfused(item) is None
]
SPEC = TrialSpec(
    architecture="elu_bn",
    depth=6,
    data="toy",
    seed=0,
    lr=0.05,
    epochs=4,
    batch_size=16,
    kernels="fused",
)


@pytest.fixture
def context(monkeypatch, tmp_path):
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    trial._loaded.cache_clear()
    return TrialContext(data_dir=tmp_path)


@pytest.fixture
def no_library(monkeypatch):
    """As after an installation without a compiler."""

    def kernels():
        raise compiled.LibraryMissingError("no compiler was there")

    monkeypatch.setattr(compiled, "kernels", kernels)


def kernels_of(choice, architecture="elu", device="cpu"):
    study = StudySpec(arch=(architecture,), kernels=choice)
    architectures = load_architectures(())
    (cell,) = resolve_cells(study, architectures, DATASETS, device=device)
    return cell.template.kernels


def test_a_compiler_was_enough_to_get_the_library():
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("no compiler")
    assert compiled.missing() is None


@needs_library
def test_auto_takes_the_fused_kernels_where_they_are_known_to_pay():
    assert kernels_of("auto") == "fused"
    assert kernels_of("reference") == "reference"
    assert kernels_of("fused") == "fused"
    assert kernels_of("auto", device="cuda") == "reference"
    with pytest.raises(ValueError, match="are for CPUs; use auto or reference"):
        kernels_of("fused", device="cuda")
    assert kernels_of("auto", architecture="preresnet") == "reference"


@pytest.mark.usefixtures("no_library")
def test_auto_does_without_a_library():
    assert kernels_of("auto") == "reference"


@needs_library
def test_what_the_fused_kernels_cannot_compute_is_refused_by_name():
    gelu = Stack(name="gelu", activation="gelu").to_architecture()
    built = replace(ARCHITECTURES["elu"], name="built", description=None)
    known = Registry("architecture", {"gelu": gelu, "built": built})
    for name, reason in (("gelu", "tanh, elu, relu"), ("built", "is not a Stack")):
        auto = resolve_cells(StudySpec(arch=(name,)), known, DATASETS, device="cpu")
        assert auto[0].template.kernels == "reference"
        study = StudySpec(arch=(name,), kernels="fused")
        with pytest.raises(ValueError, match=reason):
            resolve_cells(study, known, DATASETS, device="cpu")


def test_a_builder_s_network_is_never_said_to_be_fused(context, monkeypatch):
    def build(depth, *, image_shape, num_classes, generator):
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))

    own = replace(ARCHITECTURES["elu_bn"], build=build, description=None)
    known = Registry("architecture", {"elu_bn": own})
    monkeypatch.setattr(trial, "_architectures", lambda _: known)
    record = run_trial(SPEC, context)
    assert record.outcome is Outcome.CRASHED
    assert "cannot have fused kernels" in record.message


@needs_library
@pytest.mark.parametrize("architecture", STACKS)
def test_a_trial_ends_alike_with_either_kernels(context, architecture):
    spec = replace(SPEC, architecture=architecture, lr=ARCHITECTURES[architecture].lr)
    fused = run_trial(spec, context)
    usual = run_trial(replace(spec, kernels="reference"), context)
    assert fused.outcome is usual.outcome and fused.outcome.is_evidence
    assert fused.environment.instruction_set == compiled.kernels()[0].name
    assert usual.environment.instruction_set is None
    assert fused.id != usual.id
    for ours, theirs in zip(fused.epochs, usual.epochs, strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-3)
        assert ours.test_loss == pytest.approx(theirs.test_loss, rel=1e-2)


def without_times(record: TrialRecord) -> TrialRecord:
    epochs = tuple(replace(epoch, seconds=0.0) for epoch in record.epochs)
    return replace(
        record,
        epochs=epochs,
        seconds=0.0,
        peak_memory_bytes=0,
        finished_at="",
        environment=replace(record.environment, git_commit=None),
    )


@pytest.mark.slow
@needs_library
def test_the_same_trial_is_bit_equal_alone_and_beside_others(context):
    with LocalProcesses(2, prepare=know_toy) as executor:
        others = [replace(SPEC, seed=seed) for seed in (0, 1, 0)]
        beside = [executor.submit(run_trial, spec, context) for spec in others]
        first, _, last = (future.result() for future in beside)
        executor.shutdown(cancel_futures=True)
    assert first.outcome.is_evidence, first.message
    assert without_times(first) == without_times(last)
    assert without_times(run_trial(SPEC, context)) == without_times(first)


@needs_library
def test_steps_allocate_nothing_once_each_shape_was_seen(context, monkeypatch):
    mapped = []
    map_ = memory._mapped
    monkeypatch.setattr(
        memory, "_mapped", lambda size: mapped.append(size) or map_(size)
    )
    run_trial(replace(SPEC, epochs=2), context)
    once = len(mapped)
    mapped.clear()
    run_trial(replace(SPEC, epochs=6), context)
    assert len(mapped) == once > 0


def test_memory_is_used_again_only_when_nothing_refers_to_it():
    ours = Memory()
    first = ours.floats(5000)
    address = first.data_ptr()
    second = ours.floats(5000)
    assert second.data_ptr() != address
    view = first[10:20]
    del first
    assert ours.floats(10).data_ptr() != address
    del view
    assert ours.floats(4000).data_ptr() == address
    assert address % mmap.PAGESIZE == 0


def test_too_little_memory_is_told_as_such():
    with pytest.raises(MemoryError, match="activations"):
        Memory().floats(1 << 60)


@needs_library
def test_a_library_of_other_sources_is_not_used(monkeypatch):
    compiled.kernels.cache_clear()
    monkeypatch.setattr(compiled, "_sources_sha256", lambda folder: "another")
    try:
        assert "other sources" in compiled.missing()
    finally:
        compiled.kernels.cache_clear()


class Wrong(cpu.CpuConvBlocks):
    """The fused kernels with an error of 1 % for one activation."""

    def __call__(self, signal, blocks, pool):
        found = super().__call__(signal, blocks, pool)
        return found * 1.01 if blocks[0].activation == "elu" else found


@pytest.fixture
def wrong_kernels(monkeypatch):
    self_check._fused_disagreement.cache_clear()
    monkeypatch.setattr(self_check, "CpuConvBlocks", Wrong)
    yield
    self_check._fused_disagreement.cache_clear()


@needs_library
@pytest.mark.parametrize("activation", compiled.ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("skip", [False, True])
def test_the_kernels_of_this_machine_pass_the_self_check(activation, batch_norm, skip):
    stack = Stack(name="a", activation=activation, batch_norm=batch_norm, skip=skip)
    self_check._fused_disagreement.cache_clear()
    assert self_check.fused_disagreement(stack) is None


@needs_library
@pytest.mark.usefixtures("wrong_kernels")
def test_a_broken_kernel_is_caught_by_the_self_check():
    reason = self_check.fused_disagreement(stack_of(ARCHITECTURES["elu_bn"]))
    assert "differs by" in reason
    assert self_check.fused_disagreement(stack_of(ARCHITECTURES["tanh_naive"])) is None


@needs_library
@pytest.mark.parametrize("broken", ["weight", "nan"])
def test_a_broken_gradient_is_caught_by_the_self_check(monkeypatch, broken):
    right = cpu._Call.backward

    def backward(self, *args):
        signal, weight, *others = right(self, *args)
        wrong = {"weight": weight * 1.02, "nan": torch.full_like(weight, math.nan)}
        return [signal, wrong[broken], *others]

    self_check._fused_disagreement.cache_clear()
    monkeypatch.setattr(cpu._Call, "backward", backward)
    assert self_check.fused_disagreement(stack_of(ARCHITECTURES["elu"])) is not None
    self_check._fused_disagreement.cache_clear()


@pytest.mark.slow
def test_steps_replayed_wrongly_are_caught_by_the_self_check(monkeypatch):
    """By a recorder that forgets a replay, and not by one that is right."""

    class Forgetful(OpRecorder):
        def capture(self, step):
            replay = super().capture(step)
            return lambda: None if self.num_replayed > 8 else replay()

    monkeypatch.setattr(self_check, "_GRAPH_DEVICE", "cpu")
    for recorder, agrees in ((OpRecorder, True), (Forgetful, False)):
        self_check.graph_disagreement.cache_clear()
        monkeypatch.setattr(self_check, "CudaRecorder", recorder)
        assert (self_check.graph_disagreement() is None) is agrees
    self_check.graph_disagreement.cache_clear()


def run(tmp_path, *flags):
    args = ["run", "--data", "toy", "--depths", "3:6", "--cap", "6", "--seeds", "1"]
    args += ["--epochs", "1", "--batch", "16", "--workers", "1"]
    command = ["depthbench", *args, "--out", str(tmp_path / "out"), *flags]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", command)
        cli.main()
    return ended.value.code


@pytest.fixture
def toy_runs(monkeypatch):
    """`run` on the toy set, in this process."""
    from concurrent.futures import Future

    from depthbench import datasets
    from depthbench.engine import opening

    class Inline:
        def __init__(self, *args, **kwargs):
            pass

        def submit(self, function, *args):
            future = Future()
            future.set_result(function(*args))
            return future

        def shutdown(self, **kwargs):
            pass

    monkeypatch.setattr(opening, "LocalProcesses", Inline)
    monkeypatch.setattr(datasets, "DATASETS", TOY_SETS)
    monkeypatch.setattr(trial, "DATASETS", TOY_SETS)
    trial._loaded.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("toy_runs", "no_library")
def test_a_run_without_the_library_says_so_once(tmp_path, capsys):
    assert run(tmp_path, "--arch", "elu", "--arch", "tanh_naive") == 0
    told = capsys.readouterr().err
    assert told.count("no compiler was there") == 1
    records = read_records(tmp_path / "out").records.values()
    assert {record.spec.kernels for record in records} == {"reference"}
    assert run(tmp_path, "--arch", "elu", "--arch", "tanh_naive") == 0
    assert "no compiler" not in capsys.readouterr().err


@pytest.mark.usefixtures("toy_runs", "no_library")
def test_fused_kernels_that_are_missing_are_the_environment_s_fault(tmp_path, capsys):
    assert run(tmp_path, "--arch", "elu", "--kernels", "fused") == 3
    assert "kernels = reference" in capsys.readouterr().err


@pytest.mark.slow
@needs_library
@pytest.mark.usefixtures("toy_runs", "wrong_kernels")
def test_with_a_broken_kernel_the_reference_is_used_and_said_once(tmp_path, capsys):
    assert run(tmp_path, "--arch", "elu", "--arch", "tanh_naive") == 0
    told = capsys.readouterr().err
    assert told.count("fused kernels do not compute elu as PyTorch does") == 1
    assert "begin now have the reference kernels" in told
    records = read_records(tmp_path / "out").records.values()
    assert {record.spec.kernels for record in records} == {"reference"}
    assert {record.environment.instruction_set for record in records} == {None}


@pytest.mark.slow
@needs_library
@pytest.mark.usefixtures("toy_runs")
def test_a_broken_kernel_trains_nothing_where_it_is_wanted(tmp_path, request, capsys):
    """Asked for by name, or by a cell that was begun when it was right."""
    assert run(tmp_path, "--arch", "elu") == 0
    before = read_records(tmp_path / "out").records
    request.getfixturevalue("wrong_kernels")
    assert run(tmp_path, "--arch", "elu") == 0
    assert run(tmp_path, "--arch", "elu", "--seeds", "3") == 3
    wanted = ("--arch", "elu_bn", "--kernels", "fused")
    assert run(tmp_path, *wanted) == 3
    assert "train with kernels = reference" in capsys.readouterr().err
    assert read_records(tmp_path / "out").records == before


@pytest.mark.slow
@needs_library
@pytest.mark.usefixtures("toy_runs")
def test_a_cell_goes_on_with_the_kernels_it_began_with(tmp_path, capsys):
    assert run(tmp_path, "--arch", "elu", "--kernels", "reference") == 0
    assert run(tmp_path, "--arch", "elu") == 0
    records = read_records(tmp_path / "out").records.values()
    assert {record.spec.kernels for record in records} == {"reference"}
    assert run(tmp_path, "--arch", "elu", "--kernels", "fused") == 2
    assert "trained with kernels = reference" in capsys.readouterr().err
    assert run(tmp_path, "--arch", "elu_bn") == 0
    assert "not all cells" in capsys.readouterr().err
    cells = read_cells(tmp_path / "out" / "study.toml")
    assert [cell.template.kernels for cell in cells] == ["reference", "fused"]


@pytest.mark.slow
@needs_library
@pytest.mark.usefixtures("toy_runs")
def test_an_edited_file_does_not_inherit_kernels(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from depthbench import Stack\nmine = Stack(name='mine', activation='elu')\n"
    )
    assert run(tmp_path, "--plugin", str(file), "--arch", "mine") == 0
    file.write_text(
        "from depthbench import Stack\nmine = Stack(name='mine', activation='gelu')\n"
    )
    trial._architectures.cache_clear()  # as in a new process
    assert run(tmp_path, "--plugin", str(file), "--arch", "mine") == 0
    lines = (tmp_path / "out" / "trials.jsonl").read_text().splitlines()
    specs = [json.loads(line)["spec"] for line in lines]
    by_file = {spec["plugin_sha256"]: spec["kernels"] for spec in specs}
    assert sorted(by_file.values()) == ["fused", "reference"]


@pytest.mark.slow
@needs_library
@pytest.mark.usefixtures("toy_runs")
def test_a_finished_study_needs_no_kernels(tmp_path, monkeypatch):
    assert run(tmp_path, "--arch", "elu") == 0
    monkeypatch.setattr(compiled, "missing", lambda: "gone since")
    assert run(tmp_path, "--arch", "elu") == 0
