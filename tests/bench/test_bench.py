"""The benchmark: sides that do the same work; the command, its files and faults."""

import json
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import toy
from processes import are_gone, is_alive

from depthbench import datasets, runtime
from depthbench.architectures.notebook import NOTEBOOK_STACKS
from depthbench.bench import baseline, driver, tasks
from depthbench.bench import plan as plans
from depthbench.bench.clock import StepClock
from depthbench.bench.machine import why_not_fused
from depthbench.bench.plan import BenchPlan, Side, settings
from depthbench.training import train
from depthbench.training.testing import run_eagerly
from depthbench.trial import TrialContext, set_up
from depthbench.trial import run as trial

NAMES = tuple(stack.name for stack in NOTEBOOK_STACKS)
NOWHERE = TrialContext(data_dir=Path())
TINY = BenchPlan(
    cases=(("elu_bn", 3),),
    rounds=2,
    num_steps=1,
    batch_size=16,
    num_train_images=32,
    num_test_images=5,
    depths=(3, 6),
    batch_sizes=(8,),
    batch_depth=3,
)


@pytest.fixture(autouse=True)
def on_toy(monkeypatch):
    """Every part of the package trains on the toy set in this process."""
    monkeypatch.setattr(trial, "DATASETS", toy.TOY_SETS)
    monkeypatch.setattr(datasets, "DATASETS", toy.TOY_SETS)
    trial._loaded.cache_clear()
    yield
    trial._loaded.cache_clear()


def setting_of(name, depth=3, part="step", **changes):
    tiny = replace(TINY, cases=((name, depth),), **changes)
    todo = settings(tiny, data="toy", device="cpu", has_fused=False, num_cores=2)
    return next(setting for setting in todo if setting.part == part)


# Both sides do the same work.


@pytest.mark.parametrize("depth", [3, 6])
@pytest.mark.parametrize("name", NAMES)
def test_both_sides_learn_the_same_in_three_steps(name, depth):
    """Equal losses before each of three updates on one batch, and equal tests after."""
    setting = setting_of(name, depth, batch_size=64)
    spec = replace(setting.spec, epochs=3, lr=0.05)
    model, data = tasks.baseline_set_up(setting, NOWHERE)
    one_batch = tasks._part(data, 64, 20)
    net, _ = set_up(spec, NOWHERE)
    ours = train(net, one_batch, spec, torch.Generator()).epochs

    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    batches = tasks.ready_batches(one_batch, 64)
    assert [len(labels) for _, labels in batches] == [64]
    tests = [(data.normalized(one_batch.test.images), one_batch.test.labels)]
    for epoch in ours:
        loss, accuracy = baseline.train(model, batches, optimizer, "cpu")
        mean_loss = sum(epoch.train_loss) / len(epoch.train_loss)
        assert loss == pytest.approx(mean_loss, rel=1e-4)
        assert 1 - accuracy == pytest.approx(epoch.train_error[-1])
        loss, accuracy = baseline.test(model, tests, "cpu")
        assert loss == pytest.approx(epoch.test_loss[-1], rel=1e-3)
        assert 1 - accuracy == pytest.approx(epoch.test_error[-1])


def test_the_loader_gives_out_each_image_once_normalised_as_ours():
    _, data = tasks.baseline_set_up(setting_of("elu"), NOWHERE)
    loader = tasks._loader(data, data.train, 16, shuffle=True)
    images, labels = (torch.cat(part) for part in zip(*loader, strict=True))
    expected = data.normalized(data.train.images)
    assert len(loader) == 5
    given = images.flatten(1).round(decimals=3).tolist()
    wanted = expected.flatten(1).round(decimals=3).tolist()
    assert sorted(zip(given, labels.tolist(), strict=True)) == sorted(
        zip(wanted, data.train.labels.tolist(), strict=True)
    )
    assert not torch.equal(labels, data.train.labels)  # shuffled


def test_coloured_images_come_out_of_the_loader_as_they_went_in():
    images = torch.randint(0, 256, (3, 3, 4, 5), dtype=torch.uint8)
    loader = baseline.make_loader(
        images, torch.arange(3), (0.0,) * 3, (1.0,) * 3, 3, shuffle=True
    )
    [(given, labels)] = loader
    assert torch.allclose(given, images[labels] / 255)


@pytest.mark.parametrize("part", ["step", "epoch"])
@pytest.mark.parametrize("side", Side)
def test_every_side_is_asked_for_the_same_number_of_images(part, side):
    if side is Side.FUSED and why_not_fused("cpu"):
        pytest.skip("no compiled kernels")
    setting = setting_of("resnet", part=part)
    work = tasks.measure(setting, side, NOWHERE)
    num_images = {"step": 16, "epoch": 32}[part]
    assert (work.num_images, work.num_steps) == (num_images, num_images // 16)
    assert work.ended > work.began
    assert work.peak_memory_bytes > 0


def test_steps_are_timed_without_what_a_training_does_once(monkeypatch):
    """Buffers take 60 s, a step that warms up 10, those timed 2, 1, 3, the test 100."""
    now = [0.0]

    def take(seconds):
        now[0] += seconds

    monkeypatch.setattr(runtime, "monotonic_seconds", lambda: now[0])
    monkeypatch.setattr(runtime, "cpu_seconds", lambda: now[0] / 2)
    clock = StepClock(run_eagerly, range(2, 5), "cpu")
    take(60)
    for seconds in (10, 10, 2, 1, 3):
        clock(("train", True, 16), partial(take, seconds))
    clock(("test", "eval", 16), partial(take, 100))
    work = clock.work(48)
    assert (work.ended - work.began, work.cpu_seconds) == (6, 3)
    assert work.fastest_step_seconds == 1
    assert (work.num_steps, work.num_images) == (3, 48)


@pytest.mark.parametrize("side", [Side.BASELINE, Side.REFERENCE])
def test_a_small_data_set_is_gone_through_again_for_more_steps(side):
    setting = setting_of("resnet", num_steps=11)  # 80 images make 5
    work = tasks.measure(setting, side, NOWHERE)
    assert (work.num_images, work.num_steps) == (11 * 16, 11)


@pytest.mark.parametrize("part", ["step", "epoch"])
def test_steps_are_run_as_those_of_a_trial_are(part, monkeypatch):
    """On a GPU, by a graph: here by what stands for it."""
    keys = []

    def graph(key, step):
        keys.append(key)
        step()

    monkeypatch.setattr(tasks, "graphed_steps", lambda net, spec, context: graph)
    tasks.measure(setting_of("resnet", part=part), Side.REFERENCE, NOWHERE)
    lr = setting_of("resnet").spec.lr
    assert keys.count(("train", True, lr, 16)) == 2


@pytest.mark.parametrize("side", [Side.BASELINE, Side.REFERENCE])
def test_a_loss_that_is_nan_is_no_measurement(side):
    setting = setting_of("elu", num_steps=3)
    setting = replace(setting, spec=replace(setting.spec, lr=1e30))
    with pytest.raises(ArithmeticError, match=r"loss of step, elu k=3, batch 16 is"):
        tasks.measure(setting, side, NOWHERE)


# The command.


@pytest.fixture
def bench(call, monkeypatch):
    """Run `depthbench bench` on the tiny plan, in this process alone."""
    monkeypatch.setattr(plans, "QUICK", TINY)
    monkeypatch.setattr(driver, "LocalProcesses", toy.Inline)
    monkeypatch.setattr(driver, "why_not_fused", lambda device: "no compiler")
    arguments = ("bench", "--quick", "--data", "toy", "--device", "cpu", "--out", "b")
    return lambda *more: call(*arguments, *more)


@pytest.mark.slow
def test_bench_prints_tables_and_writes_its_files(bench, call, tmp_path):
    code, out, err = bench()
    assert code == 0, err
    assert "Training step, one thread, batch 16" in out
    assert "baseline" in out
    assert "Growth with depth, batch 16" in out
    assert "fused kernels not measured: no compiler" in out
    assert "step, elu_bn k=3, batch 16, round 2 of 2: baseline" in err
    assert "…" not in out  # no cell was cut
    written = {path.name for path in (tmp_path / "b").iterdir()}
    assert written == {"bench.csv", "bench.png", "bench.svg"}
    lines = (tmp_path / "b" / "bench.csv").read_text().splitlines()
    theirs, ours = 6 + 4, 7 + 1 + 4 + 1  # steps and epochs; ours with ratios
    assert len(lines) == 1 + 2 * (theirs + ours + 3 * 7)
    assert all(line.endswith(torch.__version__) for line in lines[1:])
    code, out, err = call("report", "b")
    assert code == 0, err
    assert out.startswith("| network |")
    assert "| elu_bn 3 |" in out


@pytest.mark.slow
def test_bench_prints_json(bench):
    code, out, _ = bench("--json", "--rounds", "1")
    assert code == 0
    printed = json.loads(out)
    assert printed["environment"]["torch"] == torch.__version__
    assert (printed["plan"]["rounds"], printed["failures"]) == (1, [])


@pytest.mark.slow
def test_a_side_that_fails_is_reported_and_left_out(bench, monkeypatch):
    def measure(setting, side, context):
        is_deepest = (setting.part, setting.spec.depth) == ("depth", 6)
        if is_deepest or (setting.part, side) == ("epoch", Side.BASELINE):
            raise MemoryError("no room")
        return tasks.measure(setting, side, context)

    monkeypatch.setattr(driver, "measure", measure)
    code, out, _ = bench()
    assert code == 1
    assert "failed: epoch, elu_bn k=3, batch 16, baseline, round 1: MemoryErr" in out
    _, out, _ = bench("--json")
    stored = json.loads(out)
    assert len(stored["failures"]) == 2  # neither is tried in the second round
    sides = {(s["part"], s["side"]) for s in stored["summary"]}
    assert ("epoch", "reference") in sides
    assert ("epoch", "baseline") not in sides


def test_an_interruption_writes_nothing(bench, monkeypatch, tmp_path):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "measure_peak", interrupted)
    code, out, err = bench()
    assert code == 130
    assert out == ""
    assert "stopped; nothing was written" in err
    assert list((tmp_path / "b").iterdir()) == []


@pytest.mark.slow
def test_an_interruption_ends_every_worker(monkeypatch):
    """Real processes, and what crosses the pipes to them."""
    monkeypatch.setattr(driver, "prepare", prepare_for_toy)
    setting = setting_of("elu_bn")
    pids = []
    with (
        pytest.raises(KeyboardInterrupt),
        driver.open_workers({side: (1, 1) for side in setting.sides}) as workers,
    ):
        pids += [worker.submit(os.getpid).result() for worker in workers.values()]
        done, failures = driver._round(setting, 0, setting.sides, NOWHERE, workers)
        assert failures == []
        assert [side for side, _ in done] == [Side.BASELINE, Side.REFERENCE]
        assert all(is_alive(pid) for pid in pids)
        signal.raise_signal(signal.SIGINT)
    assert len(set(pids)) == 2
    assert are_gone(pids)


def prepare_for_toy(side, num_threads):
    toy.know_toy()
    tasks.prepare(side, num_threads)


@pytest.mark.gpu
def test_a_gpu_is_measured_like_a_cpu(monkeypatch):
    monkeypatch.setattr(driver, "LocalProcesses", toy.Inline)
    benchmark = driver.run_bench(
        TINY, toy.toy_data(), data_dir=Path(), device="cuda", report=lambda _: None
    )
    assert benchmark.failures == ()
    assert set(benchmark.table["part"]) == {"step", "trial", "depth", "batch"}
