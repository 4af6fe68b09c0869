"""Captured steps against eager ones, with a recorder of operations for a GPU."""

import random
from dataclasses import replace

import pytest
import torch
from op_recorder import OpRecorder
from torch import nn
from toy import toy_data
from training_cases import without_times

from depthbench import runtime
from depthbench.plugins import load_architectures
from depthbench.spec import TrialSpec
from depthbench.training import ResidentData, train
from depthbench.training import loop as loop_module
from depthbench.training.graphed import CaptureError, CudaRecorder, Graphed

REGISTRY = load_architectures()
SPEC = TrialSpec(
    architecture="elu", depth=6, data="toy", seed=0, lr=0.05, batch_size=16, epochs=3
)
RESIDENT = ResidentData.on("cpu", toy_data())


def network(name, device="cpu"):
    return (
        REGISTRY[name]
        .build(
            SPEC.depth,
            image_shape=(1, 8, 8),
            num_classes=10,
            generator=runtime.generator(0, "weights"),
        )
        .to(device)
    )


def run(net, spec=SPEC, runner=loop_module.run_eagerly, data=RESIDENT):
    return train(net, data, spec, runtime.generator(spec.seed, "order"), runner)


@pytest.fixture
def rare_readings(monkeypatch):
    """As on a GPU, so that a bad step is found later than it happened."""
    monkeypatch.setitem(loop_module._STEPS_PER_READING, "cpu", 25)


@pytest.mark.parametrize("train_mode", ["every_epoch", "first_epoch"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", ["elu", "elu_bn", "resnet", "elu_multihead"])
def test_replayed_operations_train_as_the_steps_do(
    rare_readings, name, momentum, train_mode
):
    """Bit for bit, to weights and running statistics: no step is handed anything."""
    spec = replace(SPEC, momentum=momentum, train_mode=train_mode, weight_decay=0.01)
    net, twin, recorder = network(name), network(name), OpRecorder()
    right = run(twin, spec)
    assert without_times(run(net, spec, Graphed(net, recorder))) == without_times(right)
    theirs = twin.state_dict()
    for key, value in net.state_dict().items():
        assert torch.equal(value, theirs[key]), key
    assert recorder.num_replayed > recorder.num_eager


def test_each_key_is_run_eagerly_once_and_then_replayed():
    """Batches of 16 and 6 to train, 16 and 4 to test twice; the first key is watched.

    In three epochs: 12 + 3 steps of training, 2 x (3 + 3) of testing.
    """
    net, recorder = network("elu_bn"), OpRecorder()
    run(net, runner=Graphed(net, recorder))
    assert recorder.num_captured == 6
    assert recorder.num_eager == 6 + 1
    assert recorder.num_replayed == 27 - 7


@pytest.mark.slow
def test_another_mode_is_another_capture():
    """BatchNorm's mode is frozen into a capture; the notebook's protocol changes it."""
    spec = replace(SPEC, train_mode="first_epoch", epochs=4)
    net, recorder = network("elu_bn"), OpRecorder()
    run(net, spec, Graphed(net, recorder))
    assert recorder.num_captured == 2 + 1 + 4  # 6 images in train mode: only one step


@pytest.mark.parametrize("lr", [10.0, 1e30])
def test_a_bad_loss_is_attributed_to_its_step(rare_readings, lr):
    spec = replace(SPEC, lr=lr)
    net = network("elu")
    right = run(network("elu"), spec)
    assert right.first_nonfinite_step is not None
    training = run(net, spec, Graphed(net, OpRecorder()))
    assert without_times(training) == without_times(right)


class Linear(nn.Module):
    """A network that a subclass spoils in `spoil`."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)
        nn.init.constant_(self.linear.weight, 0.01)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("mean", torch.zeros(()))
        self.num_calls = 0

    def forward(self, images):
        out = self.linear(images.flatten(1))
        return self.spoil(out) if self.training else out

    def spoil(self, out):
        return out


class Waits(Linear):
    def spoil(self, out):
        return out * 2 if out.sum().item() > 0 else out


class Counts(Linear):
    def spoil(self, out):
        self.num_calls += 1
        return out * (0.5 + self.num_calls % 2)


class Rebinds(Linear):
    def spoil(self, out):
        self.mean = 0.9 * self.mean + out.detach().mean()
        return out - self.mean


class Draws(Linear):
    def spoil(self, out):
        return out * torch.rand(())


class DrawsInPython(Linear):
    def spoil(self, out):
        return out * random.random()


REASONS = {
    Linear: None,
    Waits: "waits for the GPU",
    Counts: "changes num_calls",
    Rebinds: "changes mean",
    Draws: "random numbers of the CPU",
    DrawsInPython: "random numbers of Python",
}


@pytest.mark.parametrize("kind", REASONS)
def test_what_a_graph_would_freeze_is_run_eagerly_and_said(kind):
    """And trains as it does without any of this."""

    def trained(make_runner):
        random.seed(0)
        torch.manual_seed(0)
        net = kind()
        runner = make_runner(net)
        return without_times(run(net, runner=runner)), runner

    right, _ = trained(lambda net: loop_module.run_eagerly)
    recorder = OpRecorder()
    training, runner = trained(lambda net: Graphed(net, recorder))
    assert training == right
    if REASONS[kind] is None:
        assert runner.eager_reason is None
    else:
        assert REASONS[kind] in runner.eager_reason
        assert recorder.num_captured == 0


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("out of memory"), RuntimeError("not permitted")]
)
def test_a_failed_capture_gives_its_first_cause(error):
    """Ending a capture that failed raises again, from within the first error."""

    class Failing(OpRecorder):
        def capture(self, step):
            del step
            try:
                raise error
            finally:
                raise torch.AcceleratorError("capture was invalidated")

    net = network("elu")
    with pytest.raises(CaptureError, match=str(error)):
        run(net, runner=Graphed(net, Failing()))


class Dropping(nn.Module):
    """With dropout, whose generator a graph has to advance."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10, bias=False)
        )
        nn.init.constant_(self.layers[2].weight, 0.01)

    def forward(self, images):
        return self.layers(images)


def on_gpu(name):
    return (Dropping() if name == "dropout" else network(name)).to("cuda")


@pytest.mark.gpu
@pytest.mark.parametrize(
    "name", ["elu", "elu_bn", "resnet", "elu_multihead", "dropout"]
)
def test_cuda_graphs_train_as_eager_steps_do(name):
    data = ResidentData.on("cuda", toy_data())
    runs = []
    for make in (
        lambda net: loop_module.run_eagerly,
        lambda net: Graphed(net, CudaRecorder()),
    ):
        net = on_gpu(name)
        with runtime.seeded_global_generators(0, "modules"):
            torch.cuda.manual_seed(0)
            runner = make(net)
            runs.append((without_times(run(net, runner=runner, data=data)), net))
    assert runner.eager_reason is None
    assert len(runner._replays) >= 4
    assert runs[0][0] == runs[1][0]
    theirs = runs[0][1].state_dict()
    for key, value in runs[1][1].state_dict().items():
        assert torch.equal(value, theirs[key]), key


@pytest.mark.gpu
@pytest.mark.parametrize("lr", [10.0, 1e30])
def test_cuda_graphs_attribute_a_bad_loss_to_the_step_the_cpu_does(lr):
    spec = replace(SPEC, lr=lr)
    net = network("elu", "cuda")
    data = ResidentData.on("cuda", toy_data())
    training = run(net, spec, Graphed(net, CudaRecorder()), data)
    right = run(network("elu"), spec).first_nonfinite_step
    assert training.first_nonfinite_step == right


@pytest.mark.gpu
def test_the_host_waits_for_cuda_only_to_read_losses(monkeypatch):
    """Every replay under a mode in which waiting is an error."""
    monkeypatch.setitem(loop_module._STEPS_PER_READING, "cuda", 1000)
    net = network("elu_bn", "cuda")
    graphed = Graphed(net, CudaRecorder())

    def strict(key, step):
        is_replay = key in graphed._replays
        torch.cuda.set_sync_debug_mode("error" if is_replay else "default")
        try:
            graphed(key, step)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    run(net, runner=strict, data=ResidentData.on("cuda", toy_data()))
    assert graphed.eager_reason is None


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [k for k in REASONS if k is not Linear])
def test_cuda_runs_eagerly_what_a_graph_would_freeze(kind):
    net = kind().to("cuda")
    graphed = Graphed(net, CudaRecorder())
    run(net, runner=graphed, data=ResidentData.on("cuda", toy_data()))
    assert REASONS[kind] in graphed.eager_reason
